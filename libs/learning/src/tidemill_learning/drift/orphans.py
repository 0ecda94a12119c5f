"""Labels of a partition that are about no event that came there.

Their id is another one than their event's (misspelt, made up), their entity is (then they were put into another
partition), or their event was set aside. None of these is seen by the join: a label that meets nothing is no error of
any prediction. So it is counted here, as soon as it comes, and no longer once its event comes after it.

Memory is bounded: of a partition the newest `MAX_EVENTS` event ids are known. A label that is about an earlier time
than they reach back to is not judged. After a restart they are read again, beside what is read on from the last
commit; labels that were counted before it stay as they were counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from tidemill_learning.drift.windows import NEVER, LabelCounts

MAX_EVENTS = 100_000
"""Event ids of a partition that are known: some 15 MB."""

MAX_WAITING = 50_000
"""Labels of a partition that may still find their event; beyond it the oldest stay counted as they are."""

NEWEST = 3
"""So many of the newest orphans are told by their offsets."""


class OrphanWatch:
    """Holds the labels of one partition against its events. Times in milliseconds."""

    def __init__(self, counts: LabelCounts | None = None) -> None:
        """`counts`: what was counted until the last commit."""
        self._counts = counts or LabelCounts()
        self._events: dict[str, int] = {}
        self._order: deque[str] = deque()
        self._waiting: dict[str, list[tuple[int, int]]] = {}
        self._since = NEVER

    @property
    def counts(self) -> LabelCounts:
        """What is known of all labels until now."""
        waiting = [labels[-1][0] for labels in islice(reversed(self._waiting.values()), NEWEST)]
        return replace(self._counts, newest=(*self._counts.newest, *sorted(waiting))[-NEWEST:])

    def know_since(self, time: int) -> None:
        """Events before this time are not known: their labels are not judged, nor are those that wait."""
        self._since = max(self._since, time)
        for event_id, labels in list(self._waiting.items()):
            if all(about <= self._since for _, about in labels):
                self._found(event_id)

    def events(self, ids: Sequence[str], times: Sequence[int]) -> None:
        """Events that came, on the stream or over REST; their ids and times, aligned."""
        fresh = [event_id for event_id in ids if event_id not in self._events]
        self._events.update(zip(ids, times, strict=True))
        self._order.extend(dict.fromkeys(fresh))
        if self._waiting:
            for event_id in self._waiting.keys() & set(fresh):
                self._found(event_id)
        while len(self._order) > MAX_EVENTS:
            self._since = max(self._since, self._events.pop(self._order.popleft()))

    def labels(self, ids: Iterable[str], times: Iterable[int], offsets: Iterable[int]) -> None:
        """Labels in the order of their offsets: the event that each is about, and its time."""
        counted = orphans = 0
        at = self._counts.to - 1
        for event_id, time, at in zip(ids, times, offsets, strict=True):
            if at < self._counts.to:
                continue
            counted += 1
            if event_id in self._events or time <= self._since:
                continue
            orphans += 1
            self._wait(event_id, at, time)
        old = self._counts
        self._counts = LabelCounts(max(old.to, at + 1), old.labels + counted, old.orphans + orphans, old.newest)

    def _wait(self, event_id: str, offset: int, time: int) -> None:
        self._waiting.setdefault(event_id, []).append((offset, time))
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]

    def _found(self, event_id: str) -> None:
        found = len(self._waiting.pop(event_id))
        self._counts = replace(self._counts, orphans=self._counts.orphans - found)
