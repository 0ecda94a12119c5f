"""What can be set for the trainer, beside the settings that all services share."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from tidemill.notify.settings import NotifySettings

Part = Literal["collect", "assess", "admit", "train", "release", "publish", "notify"]
PARTS: tuple[Part, ...] = ("collect", "assess", "admit", "train", "release", "publish", "notify")


class TrainerSettings(NotifySettings):
    """The trainer's own settings (`TIDEMILL_*`)."""

    parts: Annotated[tuple[Part, ...], NoDecode] = Field(
        PARTS,
        description="Parts that run in this process, separated by commas; together they must all run once.",
    )
    collect_every_s: float = Field(
        2.0, gt=0, description="At most so long a row waits for its commit to the table, in s."
    )
    collect_rows: int = Field(20_000, ge=1, description="So many waiting rows of one model are committed at once.")
    collect_fetch: int = Field(5_000, ge=1, description="Records that collect takes from Kafka in one go.")
    collect_buffer_kb: int = Field(8_192, ge=512, description="Memory for records fetched ahead by collect, in KiB.")
    compact_files: int = Field(200, ge=2, description="Small files of a kind after which collect compacts the table.")
    lease_s: float = Field(
        30.0, gt=0, description="A run whose trainer is silent for so long is given to another, in s."
    )
    max_attempts: int = Field(3, ge=1, description="How often a run is begun before it is taken for failed.")
    manual_runs_a_day: int = Field(
        24,
        ge=1,
        description="So many runs of a model people may ask for by hand within 24 h, imports among them; more are "
        "refused, and `tidemill status` says so.",
    )
    store_wait_s: float = Field(
        86_400.0, gt=0, description="So long a run waits for a full or absent artifact store before it fails, in s."
    )
    train_timeout_s: float = Field(1_800.0, gt=0, description="A training that takes longer is ended and failed, in s.")
    poll_s: float = Field(0.2, gt=0, description="How often admit, train and publish look for work, in s.")
    mlflow_keep_runs: int = Field(
        200, ge=1, description="So many runs of a model MLflow keeps; older ones are deleted, but what serves."
    )
    git_sha: str = Field(
        "",
        description="Revision of the code, written on every version; else git's commit, or the package's version.",
    )

    @field_validator("parts", mode="before")
    @classmethod
    def _split_parts(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _all_know_what_serves(self) -> Self:
        for part in ("train", "assess"):
            if part in self.parts and "release" not in self.parts:
                raise ValueError(f"the part `{part}` runs beside `release`, which knows the champion: name both")
        return self
