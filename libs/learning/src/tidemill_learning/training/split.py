"""Split by time, with a gap for labels that come late.

A random split would let a model see tomorrow's weather while it is judged on today. Rows are cut by event
time, and a part may only hold labels that were known before the next part begins (purging; López de Prado,
Advances in
Financial Machine Learning, 2018, chapter 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.examples import Examples


@dataclass(frozen=True, slots=True)
class TemporalSplit:
    """Three parts, oldest to newest: to fit, to tune (choose, stop early), to test (never fitted on)."""

    fit: Examples
    tune: Examples
    test: Examples


def known_at(examples: Examples, cut_off_ms: int, delay_ms: int = 0) -> Examples:
    """The rows whose label was observed by ``cut_off_ms`` and whose event lies at least ``delay_ms`` before
    it.

    The gap matters: among the newest events only those whose labels come early have one, which is a biased
    sample.
    """
    keep = (examples.observed_at <= cut_off_ms) & (examples.event_time <= cut_off_ms - delay_ms)
    return examples.take(np.flatnonzero(keep))


def temporal_split(examples: Examples, percent: tuple[int, int, int]) -> TemporalSplit:
    """Cut into fit / tune / test by event time; rows of equal time stay together.

    Guarantees: no event of a part is later than one of the next part, and no label of a part was observed
    after the first event of the next part. Raises ``ValueError`` where a part would be empty.
    """
    if sum(percent) != 100 or min(percent) <= 0:
        raise ValueError(f"split {percent} does not add up to 100 in three parts")
    order = np.argsort(examples.event_time, kind="stable")
    time = examples.event_time[order]
    first = _boundary(time, percent[0])
    second = _boundary(time, percent[0] + percent[1])
    if not 0 < first < second < len(time):
        raise ValueError(f"{len(time)} rows are too few, or too equal in time, for three parts")
    return TemporalSplit(
        fit=examples.take(_purged(examples, order[:first], int(time[first]))),
        tune=examples.take(_purged(examples, order[first:second], int(time[second]))),
        test=examples.take(order[second:]),
    )


def _boundary(time: NDArray[np.int64], percent: int) -> int:
    """Position of the first row of the next part: no row of the same time lies before it."""
    wanted = min(len(time) - 1, len(time) * percent // 100)
    return int(np.searchsorted(time, time[wanted], side="left"))


def _purged(examples: Examples, rows: NDArray[np.int64], next_begins: int) -> NDArray[np.int64]:
    known = rows[examples.observed_at[rows] <= next_begins]
    if not len(known):
        raise ValueError("every label of a part was observed after the next part begins: the rows span too little time")
    return known
