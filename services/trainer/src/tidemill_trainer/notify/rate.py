"""How often a channel is told of one kind: a token bucket, and a digest in place of what does not fit. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Turn = Literal["wait", "one", "digest"]


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` messages at once, and after them one every `every_ms`. Kept as one number (GCRA: ITU-T I.371): when the
    bucket is full again, in ms since 1970.

    >>> rate = Rate(burst=2, every_ms=1_000)
    >>> rate.tokens(0, 5_000), rate.tokens(rate.spent(rate.spent(0, 5_000), 5_000), 5_000)
    (2, 0)
    """

    burst: int
    every_ms: int

    def tokens(self, full_at: int, now_ms: int) -> int:
        """Messages that may be sent now."""
        return (self.burst * self.every_ms - max(0, full_at - now_ms)) // self.every_ms

    def spent(self, full_at: int, now_ms: int) -> int:
        """When it is full again, after one more message."""
        return max(full_at, now_ms) + self.every_ms


@dataclass(frozen=True, slots=True)
class Standing:
    """What waits for a channel of one kind: `waiting` notices, of which `due` may be tried now and `overdue` have
    waited for too long to be told one by one. `full_at`: as `Rate` has it.
    """

    kind: str
    waiting: int
    due: int
    overdue: int
    full_at: int


def turn(standing: Standing, rate: Rate, now_ms: int) -> Turn:
    """What may be sent now. The last token is kept for a digest where more waits than it can tell: so the first ones
    come as they are, and all others at once.
    """
    tokens = rate.tokens(standing.full_at, now_ms)
    if not standing.waiting or tokens < 1:
        return "wait"
    if standing.overdue or (tokens == 1 and standing.waiting > 1):
        return "digest"
    return "one" if standing.due else "wait"
