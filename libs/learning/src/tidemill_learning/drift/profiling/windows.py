"""To which window a record belongs, and when a window is over: rules on the records of one log alone."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from tidemill.contracts.quantities import milliseconds

Longs = NDArray[np.int64]
Part = tuple[int, Longs]
"""A window and the places of its rows."""

NEVER = -(2**62)
"""A clock that has seen nothing."""

LATER = 2**62
"""The time of what has not happened yet."""


@dataclass(frozen=True, slots=True)
class RestPlace:
    """The same of what REST clients asked: its clock, its first window that is not written yet, and what else
    `PredictionClocks` knows.
    """

    clock: int = NEVER
    window: int = NEVER
    appended: int = NEVER
    streamed: int = NEVER
    asked_at: int = LATER
    began: int = LATER


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Labels of a partition before offset `to`, and of them those that are about no event that came there; `newest`:
    offsets of some of the latest of these. `waiting`: of the newest, a digest of the id that each is about, and its
    offset: they are no longer counted once their event comes.
    """

    to: int = 0
    labels: int = 0
    orphans: int = 0
    newest: tuple[int, ...] = ()
    waiting: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go on with a log: the next offset, the log's clock there, and the first window that is not
    written yet.

    The offset may lie inside a window that is written: its records are read again for what else hangs on
    them, and must not make a second, smaller window. `labels`: of the labels' log alone.
    """

    offset: int = 0
    clock: int = NEVER
    window: int = NEVER
    labels: LabelCounts = LabelCounts()
    rest: RestPlace | None = None


@dataclass(frozen=True, slots=True)
class WindowRule:
    """`length` counts offsets of the partition, or milliseconds of its time.

    By count, a record's window is offset // length: it needs no state, and is a little short of `length`
    records where transaction markers take offsets. By time it is time // length, and a window stays open
    for one more length after its end; what comes later still is left out.
    """

    length: int
    by_time: bool

    @classmethod
    def of(cls, window: int | timedelta) -> WindowRule:
        """From the model file's `drift.window`."""
        if isinstance(window, timedelta):
            return cls(milliseconds(window), True)
        return cls(window, False)

    def windows(self, offsets: Longs, times: Longs) -> Longs:
        """The window of each record, shape [n]."""
        return (times if self.by_time else offsets) // self.length

    def late(self, windows: Longs, clock_before: Longs) -> NDArray[np.bool_]:
        """Which records come after their window was closed, given the log's clock before each."""
        if not self.by_time:
            return np.zeros(len(windows), dtype=np.bool_)
        return windows < clock_before // self.length - 1

    def first_open(self, next_offset: int, clock: int) -> int:
        """The first window that is not over, given where the log has been read to and its clock."""
        return clock // self.length - 1 if self.by_time else next_offset // self.length


class Log:
    """How far one partition's log was read, its clock (the latest time of a record so far), and what is
    closed of it.

    A record's time counts no later than its append time, so that one record from the future cannot stop the
    clock. The clock is a function of the log's beginning; `low_water` finds the place from which a restart
    can go on, together with the clock there.
    """

    def __init__(self, place: Place | None = None) -> None:
        place = place or Place()
        self.next_offset, self.clock, self.closed = place.offset, place.clock, place.window
        self._marks: deque[tuple[int, int]] = deque([(place.offset, place.clock)])

    def advance(self, offsets: Longs, times: Longs) -> tuple[Longs, Longs]:
        """Read records (ascending offsets) on; gives the clock before and after each, shape [n]."""
        self._marks.append((int(offsets[0]), self.clock))
        after = np.maximum(np.maximum.accumulate(times), self.clock)
        before = np.concatenate(([self.clock], after[:-1])).astype(np.int64)
        self.clock, self.next_offset = int(after[-1]), int(offsets[-1]) + 1
        return before, after

    def in_windows(self, rule: WindowRule, offsets: Longs, times: Longs, before: Longs) -> tuple[list[Part], int]:
        """The rows of each open window, and how many were late. Left out is what is late, and what a restart reads
        again of written windows.
        """
        windows, written, late = self.windows(rule, offsets, times, before)
        rows = np.flatnonzero(~written & ~late)
        windows = windows[rows]
        return [(int(window), rows[windows == window]) for window in np.unique(windows)], int((late & ~written).sum())

    def windows(
        self, rule: WindowRule, offsets: Longs, times: Longs, before: Longs
    ) -> tuple[Longs, NDArray[np.bool_], NDArray[np.bool_]]:
        """Per record its window, whether that is written already, and whether the record came too late for it."""
        windows = rule.windows(offsets, times)
        return windows, windows < self.closed, rule.late(windows, before)

    def first_open(self, rule: WindowRule) -> int:
        """The first window that is not over."""
        return rule.first_open(self.next_offset, self.clock)

    def low_water(self, needed: int | None) -> Place:
        """The latest place from which everything at or after offset `needed` is read again; None: nothing
        is needed.
        """
        if needed is None or needed >= self.next_offset:
            self._marks = deque([(self.next_offset, self.clock)])
        while len(self._marks) > 1 and self._marks[1][0] <= (needed or 0):
            self._marks.popleft()
        return Place(*self._marks[0], self.closed)
