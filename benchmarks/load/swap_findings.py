"""What a run of swaps is held to: counts of what must not be, and latencies while swaps were under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

AFTER_MS = 200.0
"""Until so long after a version serves its swap counts as under way: caches are cold, the old model goes."""


def during(due_ms: np.ndarray, done_ms: np.ndarray, windows: Sequence[tuple[float, float]]) -> np.ndarray:
    """[n] bool: whether a request was under way at any moment of a window, from an event to AFTER_MS after serving."""
    found = np.zeros(len(due_ms), dtype=bool)
    for begin, end in windows:
        found |= (done_ms >= begin) & (due_ms <= end + AFTER_MS)
    return found


def went_back(began: np.ndarray, done: np.ndarray, epochs: np.ndarray) -> int:
    """How many answers name an older epoch than an answer that was there before they were asked for."""
    order = np.argsort(done, kind="stable")
    highest = np.maximum.accumulate(epochs[order]) if len(epochs) else epochs
    before = np.searchsorted(done[order], began, side="left")
    known = before > 0
    return int(np.count_nonzero(epochs[known] < highest[before[known] - 1]))


def stepped_back(partitions: np.ndarray, epochs: np.ndarray) -> int:
    """How many records of a topic have a lower epoch than the one before them in their partition; both columns in the
    order of the topic.
    """
    steps = (np.diff(epochs[partitions == number]) for number in np.unique(partitions))
    return sum(int(np.count_nonzero(step < 0)) for step in steps)


def once(wanted: Iterable[object], found: Iterable[object]) -> tuple[int, int]:
    """(missing, double): what is wanted and not found, and what was found more often than once, or found and not
    wanted.
    """
    counts, all_wanted = Counter(found), set(wanted)
    double = sum(count - 1 if one in all_wanted else count for one, count in counts.items())
    return len(all_wanted - counts.keys()), double
