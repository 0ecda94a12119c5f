"""Whether rows have stopped coming, against what came at the same hours of earlier weeks. By the wall clock.

A stream that sleeps at night, or is written once a day, is silent often and nothing is wrong with it. So a time without
rows counts only where the same time of earlier weeks, and the times just before and after it, brought many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MINUTE_MS = 60_000
WEEK_MS = 7 * 24 * 60 * MINUTE_MS

SPANS = tuple(minutes * MINUTE_MS for minutes in (5, 15, 60, 240, 1_440, 4_320))
"""Times back from now, of which the shortest that should have brought rows decides: five minutes to three days."""

WEEKS = 4
"""Earlier weeks that are looked at, as far as the log goes back; in the least busy of them rows must have come, too."""

LEAST_WEEKS = 2
"""A single week is no habit."""

LATE = 1.25
"""A span without rows must be so much longer than the one that should have brought them: to be late is no stop."""

EXPECTED = 50
"""Rows that should have come, before it means anything that they did not."""

STOPPED = 0.05
"""Share of what was expected, up to which rows count as stopped."""

Arrived = Callable[[int, int], int | None]
"""How many rows came from one time to before another (epoch ms); None where the log does not go back so far."""


@dataclass(frozen=True, slots=True)
class Silence:
    """`seen` rows came from `since` to `until` (epoch ms), where `expected` would have been usual at least."""

    since: int
    until: int
    seen: int
    expected: int

    @property
    def detail(self) -> str:
        """One sentence for people."""
        minutes = (self.until - self.since) // MINUTE_MS
        span = f"{minutes // 60:,} h" if minutes >= 120 else f"{minutes} min"
        usual = f"at least {self.expected:,} did in these hours of earlier weeks"
        return f"{self.seen:,} came in the last {span}, where {usual}"


def silence(now: int, arrived: Arrived) -> Silence | None:
    """The silence that lasts until `now` (epoch ms), if there is one. Fewer than two weeks of log say nothing."""
    for span in SPANS:
        expected = _expected(now, span, arrived)
        if expected is not None and expected >= EXPECTED:
            since = now - round(span * LATE)
            seen = arrived(since, now)
            stopped = seen is not None and seen <= STOPPED * expected
            return Silence(since, now, seen or 0, expected) if stopped else None
    return None


def _expected(now: int, span: int, arrived: Arrived) -> int | None:
    """Rows in the least busy of earlier weeks, in that time, just before or just after it."""
    known: list[int] = []
    for week in range(1, WEEKS + 1):
        end = now - week * WEEK_MS
        counts = [arrived(end + shift - span, end + shift) for shift in (0, -span, span)]
        found = [count for count in counts if count is not None]
        if len(found) < len(counts):
            break  # the log does not go back so far
        known.append(min(found))
        if min(found) < EXPECTED:
            break  # no need to look further
    return min(known) if len(known) >= LEAST_WEEKS or (known and min(known) < EXPECTED) else None
