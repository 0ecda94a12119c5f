"""Counts that hold: exactly once, or how many are missing and how many too much. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_cli.demo.readback import Positions


@dataclass(frozen=True, slots=True)
class Tally:
    """How far something is from exactly once. `duplicated` counts what is there beyond the first time, or
    should not be there.
    """

    missing: int = 0
    duplicated: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.missing + other.missing, self.duplicated + other.duplicated)


def size(positions: Positions) -> int:
    """How many positions."""
    return sum(len(offsets) for offsets in positions.values())


def union(*parts: Positions) -> Positions:
    """All positions of all parts; repeats are kept."""
    keys = sorted({number for part in parts for number in part})
    return {key: np.concatenate([part[key] for part in parts if key in part]) for key in keys}


def since(positions: Positions, starts: list[int]) -> Positions:
    """The positions at or after the start offset of their partition (index = partition)."""
    return {number: offsets[offsets >= starts[number]] for number, offsets in positions.items()}


def exactly_once(expected: Positions, got: Positions) -> Tally:
    """Compares what should be met exactly once with what was met."""
    total = Tally()
    for number in sorted({*expected, *got}):
        total += _of_partition(expected.get(number, _NONE), got.get(number, _NONE))
    return total


_NONE = np.array([], dtype=np.int64)


def _of_partition(expected: np.ndarray, got: np.ndarray) -> Tally:
    wanted, met = np.unique(expected), np.unique(got)
    known = int(np.count_nonzero(np.isin(met, wanted, assume_unique=True)))
    return Tally(missing=len(wanted) - known, duplicated=len(got) - known)


def at_most_once(ids: pa.ChunkedArray) -> Tally:
    """How many event ids stand there more than once (each repeat counts)."""
    return Tally(duplicated=len(ids) - int(pc.count_distinct(ids, mode="all").as_py()))


def roc_auc(truth: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve: the Mann-Whitney U statistic over its maximum, ties counted by half; None
    with one class only.

    `truth` bool [n], `scores` float64 [n].
    """
    positives = int(np.count_nonzero(truth))
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))
