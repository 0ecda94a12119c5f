"""All policies over one stream, side by side over the same events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tidemill_learning.backtest.outcome import Measure, Outcome, best, measure_of, outcome
from tidemill_learning.backtest.playing import Played, Policy
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.training.metrics import LOWER_IS_BETTER

Told = Callable[[str, int, int], None]
"""Told (policy, labels done, labels in all)."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """`outcomes` of the policies in their order; `grid`: of the fixed schedules, of which `best_schedule` did best, as
    can be told only afterwards. `counted`: events that every policy has answered, over which all are scored, of
    `rows`; `from_ms`, `to_ms`: their times.
    """

    measure: Measure
    outcomes: tuple[Outcome, ...]
    grid: tuple[Outcome, ...]
    rows: int
    counted: int
    from_ms: int
    to_ms: int

    @property
    def best_schedule(self) -> Outcome | None:
        """None where there was no grid."""
        return best(self.grid, self.measure) if self.grid else None

    @property
    def ranked(self) -> tuple[Outcome, ...]:
        """The policies and the best schedule, best first."""
        shown = [*self.outcomes, *filter(None, [self.best_schedule])]
        return tuple(sorted(shown, key=lambda one: one.score, reverse=self.measure not in LOWER_IS_BETTER))


def backtest(stream: Stream, policies: Sequence[Policy], grid: Sequence[Policy], told: Told) -> Backtest:
    """Play the stream under each policy. Raises ValueError where one of them has no answer to any event."""
    played = [_played(policy, stream, told) for policy in (*policies, *grid)]
    counted = np.logical_and.reduce([one.answered for one in played])
    if not counted.any():
        raise ValueError(_nothing(stream, [*policies, *grid], played))
    outcomes = [
        outcome(policy.name, stream, one, counted) for policy, one in zip((*policies, *grid), played, strict=True)
    ]
    rows = np.flatnonzero(counted)
    return Backtest(
        measure=measure_of(stream), outcomes=tuple(outcomes[: len(policies)]), grid=tuple(outcomes[len(policies) :]),
        rows=len(stream), counted=len(rows), from_ms=int(stream.event_time[rows[0]]),
        to_ms=int(stream.event_time[rows[-1]]),
    )  # fmt: skip


def _played(policy: Policy, stream: Stream, told: Told) -> Played:
    return policy.play(stream, lambda done, total: told(policy.name, done, total))


def _nothing(stream: Stream, policies: Sequence[Policy], played: Sequence[Played]) -> str:
    silent = next((k for k, one in enumerate(played) if not one.answered.any()), 0)
    why = next((fit.note for fit in reversed(played[silent].fits) if fit.version is None), "")
    said = (
        f": {why}" if why else f" after {len(stream):,} labelled rows; `training.first_after` may be too many for them"
    )
    return f"{policies[silent].name} has no version that could answer{said}"
