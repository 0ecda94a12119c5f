"""What a validator is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tidemill.settings import CommonSettings


class ValidatorSettings(CommonSettings):
    """Settings of one validator process, beside those that all services share."""

    worker_set: str = Field(
        "all",
        pattern=r"^[A-Za-z0-9._]+$",
        description="Name of the set of validators that share their models' partitions: one group a set.",
    )
    batch_size: int = Field(5_000, ge=1, description="Most records in one transaction.")
    batch_linger_ms: int = Field(50, ge=0, description="How long a transaction waits to fill up, in ms.")
    max_ahead_s: int = Field(
        86_400,
        ge=0,
        description="How far an event time may lie after the broker's time of its record, in s.",
    )
    flood_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of bad records among the newest of a partition at which its topic is paused; 1: all.",
    )
    flood_window: int = Field(
        1_000, ge=1, description="How many of the newest records of a partition that share is taken of."
    )
    max_seen_ids: int = Field(
        2_000_000,
        ge=1_000,
        description="Event ids remembered per partition for uniqueness; beyond it the oldest are forgotten.",
    )
    privacy_key_file: Path | None = Field(
        None,
        description="File with the key of `privacy: hash`, at least 16 bytes; needed where a model file hashes.",
    )
