"""The demo's time: a year runs past in a minute and a half, slower where the platform cannot follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SimClock:
    """Simulated event time in UTC ms, driven by wall time.

    `speed`: simulated ms a wall ms. `advance` is called with the wall time and the share of full speed that
    back-pressure allows; one call never moves further than `longest_step_ms` of simulated time, so that a
    stalled caller does not burst afterwards.
    """

    now: float
    speed: float
    longest_step_ms: float
    last_wall: float | None = None

    def advance(self, wall_s: float, pace: float = 1.0) -> float:
        """Moves to wall time `wall_s` (monotonic seconds) at `pace` (0 to 1) of full speed; returns the
        simulated time.
        """
        if self.last_wall is not None:
            step = (wall_s - self.last_wall) * 1000 * self.speed * pace
            self.now += min(step, self.longest_step_ms)
        self.last_wall = wall_s
        return self.now


def pace_for(backlog: int, comfortable: int, most: int) -> float:
    """Back-pressure: full speed up to a `comfortable` backlog of records, none from `most` on, linear between."""
    if backlog <= comfortable:
        return 1.0
    return max(0.0, (most - backlog) / (most - comfortable))
