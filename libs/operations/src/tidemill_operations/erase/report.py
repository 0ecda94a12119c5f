"""What an erasure came to: place by place, what was erased, what waits for which day, and what remains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What becomes of a holding."""

    ERASED = "erased"
    WAITS = "waits"
    REMAINS = "remains"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one place holds, or held. `count`: of `what` (records, rows, files); `until_ms`: by when it is gone where it
    waits, Unix ms; `why`: why it is not erased; `cure`: what a person does about it.
    """

    where: str
    state: State
    count: int
    what: str
    until_ms: int | None = None
    why: str = ""
    cure: str = ""

    @property
    def until(self) -> str:
        """The day and minute, in UTC; empty where it does not wait."""
        if self.until_ms is None:
            return ""
        return datetime.fromtimestamp(-(-self.until_ms // 60_000) * 60, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """All of one model. `unfindable`: why some of it could not be looked for, in words; empty where all could."""

    model: str
    holdings: tuple[Holding, ...]
    unfindable: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing is left of it that is known of."""
        return not self.unfindable and all(one.state is State.ERASED for one in self.holdings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it. In a dry run `erased` means: would be. `shared`: what stands in topics and tables of all models;
    `noted`: the hash that stands for the entity in the audit log, empty in a dry run; `elsewhere`: what no look at the
    platform can find, in words.
    """

    models: tuple[ModelReport, ...]
    shared: tuple[Holding, ...]
    dry_run: bool
    noted: str = ""
    elsewhere: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is left that is known of."""
        return not self.shared and all(one.complete for one in self.models)

    def facts(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "dry_run": self.dry_run,
            "complete": self.complete,
            "noted_as": self.noted or None,
            "models": [
                {
                    "model": one.model,
                    "complete": one.complete,
                    "unfindable": one.unfindable or None,
                    "holdings": [_facts(holding) for holding in one.holdings],
                }
                for one in self.models
            ],
            "shared": [_facts(holding) for holding in self.shared],
            "elsewhere": list(self.elsewhere),
        }


def _facts(one: Holding) -> dict[str, Any]:
    return {
        "where": one.where, "state": str(one.state), "count": one.count, "what": one.what,
        "until": one.until or None, "until_ms": one.until_ms, "why": one.why or None, "cure": one.cure or None,
    }  # fmt: skip
