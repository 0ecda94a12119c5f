"""How good the answers were: one score for a policy, and its course over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.backtest.playing import Played
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.decisions import decision_costs
from tidemill_learning.training.metrics import LOWER_IS_BETTER, measure

POINTS = 100

Measure = Literal["accuracy", "cost", "mae"]


@dataclass(frozen=True, slots=True)
class Point:
    """`value`: of the measure over `rows` events in a row, the last of them at `at_ms`."""

    at_ms: int
    value: float
    rows: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one policy. `score`: accuracy, what a decision cost where that is stated, or the mean absolute
    error of a regression, over the events that count; `metrics`: all of the task over the same events; `curve`: the
    score's course.
    """

    name: str
    score: float
    metrics: Mapping[str, float]
    curve: tuple[Point, ...]
    played: Played

    @property
    def seconds(self) -> float:
        """All of it, fits included."""
        return self.played.own_seconds + self.played.fit_seconds


def measure_of(stream: Stream) -> Measure:
    """What a stream is scored by."""
    if stream.cost is not None:
        return "cost"
    return "mae" if stream.task == "regression" else "accuracy"


def outcome(name: str, stream: Stream, played: Played, counted: NDArray[np.bool_]) -> Outcome:
    """The outcome over the `counted` events, [n], all of which were answered."""
    rows = np.flatnonzero(counted)
    scores, target = played.scores[rows], stream.target[rows]
    decided_at = np.broadcast_to(played.decided_at, len(stream))[rows]
    metrics = measure(stream.task, target, scores, stream.classes, decided_at, stream.cost)
    each = _each(stream, played)[rows]
    curve = tuple(
        Point(int(stream.event_time[rows[part[-1]]]), float(each[part].mean()), len(part))
        for part in np.array_split(np.arange(len(rows)), min(POINTS, max(1, len(rows))))
        if len(part)
    )
    return Outcome(name, metrics[measure_of(stream)], metrics, curve, played)


def _each(stream: Stream, played: Played) -> NDArray[np.float64]:
    """Per event 1 for a right answer and 0 for a wrong one, what it cost, or the absolute error; [n]."""
    scores = played.scores
    if stream.task == "regression":
        return np.asarray(np.abs(stream.target.astype(np.float64) - scores), dtype=np.float64)
    if stream.cost is not None:
        return decision_costs(stream.target == 1, scores >= played.decided_at, stream.cost)
    said = scores >= played.decided_at if stream.task == "binary" else np.argmax(np.nan_to_num(scores), axis=1)
    return np.asarray(said == stream.codes(), dtype=np.float64)


def better(one: float, other: float, how: Measure) -> bool:
    """Whether a score is better than another."""
    return one < other if how in LOWER_IS_BETTER else one > other


def best(outcomes: Sequence[Outcome], how: Measure) -> Outcome:
    """The best of them by score; of equals the first."""
    found = outcomes[0]
    for one in outcomes[1:]:
        if better(one.score, found.score, how):
            found = one
    return found
