"""Which dead letters a command is about: by reason, time, key, place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from tidemill.contracts.quantities import milliseconds, parse_duration
from tidemill_operations.dead_letters.letters import Letter

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NO_EVENTS = frozenset({"DeletedRow", "Tombstone", "NoRow"})
"""Reasons of records that are as they should be and are no events: replayed they would only come back."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions that all must hold; None where there is none. `reason`: text in the reason or its message. Times are
    the dead letters' own, Unix ms. `places`: `topic/partition/offset`.
    """

    reason: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    key: str | None = None
    places: Collection[str] = ()
    events_only: bool = False

    def __call__(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        if self.reason is not None and self.reason.lower() not in f"{letter.reason} {letter.message}".lower():
            return False
        if self.since_ms is not None and letter.at_ms < self.since_ms:
            return False
        if self.until_ms is not None and letter.at_ms >= self.until_ms:
            return False
        if self.key is not None and letter.key != self.key.encode():
            return False
        if self.events_only and self.reason is None and letter.reason in NO_EVENTS:
            return False
        return not self.places or letter.place in self.places


def moment_ms(text: str, now_ms: int) -> int:
    """A time such as 2026-11-21T08:00Z, or so long ago (6h), as Unix ms. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return now_ms - milliseconds(parse_duration(text))
    return milliseconds((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH)
