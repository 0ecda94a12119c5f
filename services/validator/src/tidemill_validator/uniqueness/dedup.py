"""The memory behind `expect_column_values_to_be_unique`: which event ids of one partition have gone to clean.

Pure and without a clock: time is the partition's *stream time*, the greatest event time that was accepted so
far. An id is remembered until stream time has moved on by the window since it was accepted. (Not until its
own event time has left the window: then a late event could never be recognised when it is pushed again.)
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = Sequence[int] | npt.NDArray[np.int64]
BEGINNING = -(2**63)
RESTORED = -1
"""Instead of a raw offset: read back from clean, so it is committed and can never be taken back."""
BUCKETS = 64
"""Ids are forgotten bucket by bucket: one of so many parts of the window too late, never too early."""
IN_FLIGHT = 16
"""So many of the newest batches of a partition may be taken back: more than are ever read before they are committed."""


@dataclass(slots=True)
class Generation:
    """Ids that were accepted together: with their raw offsets, ascending, and the stream time after the first
    batch and after the last.
    """

    ids: list[str]
    offsets: array[int]
    start: int
    stamp: int


class SeenIds:
    """Event ids of one partition.

    `accept` remembers what it lets pass. That may be taken back: when a transaction aborts, its records come
    again, and `rewind` makes it as if nothing at or after the offset from which they do had ever come: ids accepted
    since are forgotten, ids forgotten since are remembered. Exact for the newest `IN_FLIGHT` batches.
    """

    def __init__(self, within_ms: int, limit: int) -> None:
        """`within_ms`: the window in stream time. `limit`: most ids to hold; beyond it the oldest go first."""
        self._within_ms = within_ms
        self._limit = limit
        self._ids: set[str] = set()
        self._generations: deque[Generation] = deque()
        self._gone: deque[tuple[int, int, Generation]] = deque()
        self._turn = 0
        self.forgotten_early = 0

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, event_id: object) -> bool:
        return event_id in self._ids

    def __iter__(self) -> Iterator[str]:
        """The remembered ids, in no order."""
        return iter(self._ids)

    @property
    def generations(self) -> tuple[int, int]:
        """How many parts the memory has, and how many it may yet take back: both are bounded, however small batches
        are.
        """
        return len(self._generations), len(self._gone)

    @property
    def stream_time(self) -> int:
        """The greatest event time among the remembered, in ms; far in the past where there is none."""
        return self._generations[-1].stamp if self._generations else BEGINNING

    def accept(self, ids: Sequence[str], offsets: Integers, event_times_ms: Integers) -> list[int]:
        """Positions of the duplicates among `ids`; all others are remembered. `offsets` ascend."""
        if not ids:
            return []
        self._turn += 1
        self._forget(int(offsets[0]))
        duplicates = self._duplicates(ids)
        if duplicates:
            repeated = set(duplicates)
            kept = [k for k in range(len(ids)) if k not in repeated]
            ids, offsets = [ids[k] for k in kept], [offsets[k] for k in kept]
            event_times_ms = [event_times_ms[k] for k in kept]
        if ids:
            self._remember(list(ids), _column(offsets), int(np.max(event_times_ms)))
        return duplicates

    def restore(self, ids: Sequence[str], event_times_ms: Sequence[int]) -> None:
        """Remember ids read back from clean, oldest first."""
        self._forget(RESTORED)
        fresh = [k for k in dict(zip(ids, range(len(ids)), strict=True)).values() if ids[k] not in self._ids]
        if fresh:
            offsets = array("q", [RESTORED]) * len(fresh)
            self._remember([ids[k] for k in fresh], offsets, max(event_times_ms[k] for k in fresh))

    def rewind(self, offset: int) -> None:
        """Forget every id accepted from a raw offset at or after this one, and what followed from it."""
        while self._generations and self._generations[-1].offsets[-1] >= offset:
            last = self._generations.pop()
            self._ids.difference_update(last.ids)
            self._bring_back(self._generations.append, last, offset)
        while self._gone and self._gone[-1][0] >= offset:
            self._bring_back(self._generations.appendleft, self._gone.pop()[2], offset)

    def _bring_back(self, put: Callable[[Generation], None], generation: Generation, offset: int) -> None:
        """What of a generation was accepted before the offset is remembered."""
        cut = bisect_left(generation.offsets, offset)
        if cut:
            del generation.ids[cut:], generation.offsets[cut:]
            self._ids.update(generation.ids)
            put(generation)

    def _duplicates(self, ids: Sequence[str]) -> list[int]:
        """The usual batch has none, which costs two set operations and no loop."""
        if len(set(ids)) == len(ids) and self._ids.isdisjoint(ids):
            return []
        found: list[int] = []
        here: set[str] = set()
        for position, event_id in enumerate(ids):
            if event_id in here or event_id in self._ids:
                found.append(position)
            here.add(event_id)
        return found

    def _remember(self, ids: list[str], offsets: array[int], newest_ms: int) -> None:
        self._ids.update(ids)
        stamp = max(self.stream_time, newest_ms)
        self._generations.append(Generation(ids, offsets, stamp, stamp))
        self._merge()

    def _merge(self) -> None:
        """Keep the number of generations near `BUCKETS`, however small batches are.

        Those that may be taken back stay on their own: then stream time is as it was before them.
        """
        if len(self._generations) < IN_FLIGHT + 2:
            return
        before, last = self._generations[-IN_FLIGHT - 2], self._generations[-IN_FLIGHT - 1]
        if last.stamp - before.start <= self._within_ms // BUCKETS:
            before.ids += last.ids
            before.offsets += last.offsets
            before.stamp = last.stamp
            del self._generations[-IN_FLIGHT - 1]

    def _forget(self, offset: int) -> None:
        """Drop what has left the window, before the batch that begins at `offset`, never after it: its transaction
        may yet abort. So may those before it: what is dropped can be brought back for a while.
        """
        while self._gone and self._gone[0][1] <= self._turn - IN_FLIGHT:
            self._gone.popleft()
        oldest = self.stream_time - self._within_ms
        while self._generations and self._generations[0].stamp < oldest:
            first = self._generations.popleft()
            self._ids.difference_update(first.ids)
            self._gone.append((offset, self._turn, first))
        while len(self._ids) > self._limit:
            self._forget_early(len(self._ids) - self._limit + self._limit // BUCKETS)

    def _forget_early(self, count: int) -> None:
        """Forget about `count` of the oldest ids, though they are inside the window."""
        first = self._generations[0]
        gone, first.ids = first.ids[:count], first.ids[count:]
        first.offsets = first.offsets[count:]
        if not first.ids:
            self._generations.popleft()
        self.forgotten_early += len(gone)
        self._ids.difference_update(gone)


def _column(numbers: Integers) -> array[int]:
    return array("q", np.asarray(numbers, dtype=np.int64).tobytes())
