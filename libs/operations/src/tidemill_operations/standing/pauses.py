"""Which raw topics the validators have paused, since when and why, and the command that ends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

WHAT = {"raw": "events", "labels_raw": "labels"}


@dataclass(frozen=True, slots=True)
class Pause:
    """One raw topic that is read no further. `since_ms`: of the epoch."""

    model: str
    role: str
    since_ms: int
    reason: str

    @property
    def command(self) -> str:
        """What lets it go on."""
        return f"tidemill resume {self.model}"

    def facts(self) -> dict[str, Any]:
        """As JSON shows it."""
        since = datetime.fromtimestamp(self.since_ms / 1000, tz=UTC).isoformat(timespec="seconds")
        return {"role": self.role, "since": since, "reason": self.reason, "command": self.command}

    def line(self) -> str:
        """As a person reads it."""
        told = self.facts()
        return (
            f"{self.model}: {WHAT.get(self.role, self.role)} are paused since {told['since']}: {self.reason}. "
            f"Look at `tidemill dlq list --model {self.model}`, mend the cause, then: {self.command}"
        )


def standing(controls: Iterable[Mapping[str, Any]]) -> list[Pause]:
    """The pauses that hold after all controls, oldest first: the newest for each model and role says so."""
    newest = {(control["model"], control["role"]): control for control in controls}
    return [
        Pause(model, role, control["at"], control["reason"])
        for (model, role), control in sorted(newest.items())
        if control["action"] == "paused"
    ]


def read_pauses(platform: PlatformView) -> list[Pause]:
    """What stands on the validators' control topic now; nothing where there is none."""
    from tidemill_operations.feed import read_all

    return standing(news.datum for news in read_all(platform, "validator_controls"))
