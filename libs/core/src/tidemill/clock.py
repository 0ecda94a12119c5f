"""Wall-clock time as a dependency, so that tests decide what time it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Clock", "FixedClock", "SystemClock"]


class Clock(Protocol):
    """Anything that knows the time in milliseconds since the Unix epoch (UTC)."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is moved: for tests and for simulated time."""

    time_ms: int = 0

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return self.time_ms

    def advance(self, ms: int) -> None:
        """Move the clock forward by `ms` milliseconds."""
        self.time_ms += ms
