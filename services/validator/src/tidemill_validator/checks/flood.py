"""A flood of bad records: too many of a partition's newest. Pure.

Counts what cannot be read and what fails its expectations; repeats of an event id are not bad in this sense, for
whoever pushes a file again floods nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidemill_validator.checks.partition_slices import Column, by_partition, integers


class Flooded(Exception):
    """The topic must be paused before this batch is written; says where and why."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(reason)
        self.topic = topic
        self.reason = reason


@dataclass(slots=True)
class _Recent:
    offsets: npt.NDArray[np.int64]
    bad: npt.NDArray[np.bool_]


class FloodGuard:
    """Looks at the last `window` records of each partition; at a share of `share` or more bad ones it raises.

    A partition's window starts empty when it is taken over and must be full to tell, so at most `window` records of a
    flood are set aside before it does. Answers for records that come again (an aborted transaction) as before.
    """

    def __init__(self, topic: str, share: float, window: int) -> None:
        self._topic = topic
        self._least = share * window
        self._window = window
        self._recent: dict[int, _Recent] = {}
        self.admitted: tuple[int, ...] = ()

    def check(self, partitions: Sequence[int] | Column, offsets: Sequence[int] | Column, bad: Collection[int]) -> None:
        """Looks at a batch, `bad` being positions in it. Raises Flooded; then nothing of the batch is remembered."""
        at = integers(offsets)
        flags = np.zeros(len(at), dtype=np.bool_)
        if bad:
            flags[np.fromiter(bad, dtype=np.int64, count=len(bad))] = True
        kept = {n: self._joined(n, at[mine], flags[mine]) for n, mine in by_partition(integers(partitions))}
        for number, recent in kept.items():
            tail = slice(-self._window, None)
            self._recent[number] = _Recent(recent.offsets[tail].copy(), recent.bad[tail].copy())

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._recent.pop(partition, None)

    def _joined(self, number: int, offsets: npt.NDArray[np.int64], bad: npt.NDArray[np.bool_]) -> _Recent:
        if number < len(self.admitted):
            bad = bad & (offsets >= self.admitted[number])
        before = self._recent.get(number)
        if before is not None and (len(bad) < self._window or bad.any() or before.bad.any()):
            old = before.offsets < offsets[0]
            offsets = np.concatenate([before.offsets[old], offsets])
            bad = np.concatenate([before.bad[old], bad])
        self._look(number, offsets, bad)
        return _Recent(offsets, bad)

    def _look(self, number: int, offsets: npt.NDArray[np.int64], bad: npt.NDArray[np.bool_]) -> None:
        if len(bad) < self._window or not bad.any():
            return
        sums = np.concatenate([[0], np.cumsum(bad)])
        found = sums[self._window :] - sums[: -self._window]
        over = np.flatnonzero(found >= self._least)
        if len(over):
            where = int(over[0])
            first, last = offsets[where], offsets[where + self._window - 1]
            raise Flooded(
                self._topic,
                f"{found[where]} of {self._window} records are bad in {self._topic}/{number}, "
                f"offsets {first} to {last}",
            )
