"""How long a start may take, from the environment (`TIDEMILL_START_*`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StartSettings(BaseSettings):
    """Deadlines of each part (broker, services, MLflow's pages) of a platform that starts on this machine."""

    model_config = SettingsConfigDict(env_prefix="TIDEMILL_START_", extra="ignore", populate_by_name=True)

    silence_s: float = Field(
        60.0,
        gt=0,
        description="How long a part that is starting may show no sign of life, in s: nothing in its log, no CPU time, "
        "no other answer than before.",
    )
    most_s: float = Field(900.0, gt=0, description="How long a part may take to start whatever it shows, in s.")
