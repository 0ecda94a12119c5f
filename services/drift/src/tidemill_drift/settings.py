"""What the two drift processes are told by their environment."""

from __future__ import annotations

from pydantic import Field

from tidemill.settings import CommonSettings


class DriftSettings(CommonSettings):
    """Settings of *profile* and *detect*, beside those that all services share."""

    worker_set: str = Field(
        "all",
        pattern=r"^[A-Za-z0-9._]+$",
        description="Name of the set of processes that share their models' partitions: one group a set.",
    )
    batch_size: int = Field(5_000, ge=1, description="profile: most records taken at once.")
    batch_linger_ms: int = Field(500, ge=0, description="profile: how long to wait for a full batch, in ms.")
    commit_interval_s: float = Field(2.0, gt=0, description="profile: seconds between two commits of offsets.")
    seal_after_s: float = Field(
        30.0, gt=0, description="profile: seconds without a record after which a partition is sealed as idle."
    )
    look_for_silence_s: float = Field(
        60.0, gt=0, description="detect: seconds between two looks whether events and labels still come."
    )
