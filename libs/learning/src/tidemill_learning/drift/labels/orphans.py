"""Labels of a partition that are about no event that came there.

Their id is another one than their event's (misspelt, made up), their entity is (then they were put into another
partition), or their event was set aside. None of these is seen by the join: a label that meets nothing is no error of
any prediction. So it is counted here, as soon as it comes, and no longer once its event comes after it.

Memory is bounded: of a partition the newest `MAX_EVENTS` event ids are known. A label that is about an earlier time
than they reach back to is not judged. After a restart they are read again, beside what is read on from the last
commit. The newest `MAX_KEPT` labels that wait are committed as digests of their ids: should the event come after a
restart, they are no longer counted; older ones stay as they were counted.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import islice

from tidemill_learning.drift.profiling.windows import NEVER, LabelCounts

MAX_EVENTS = 100_000
"""Event ids of a partition that are known: some 15 MB."""

MAX_WAITING = 50_000
"""Labels of a partition that may still find their event; beyond it the oldest stay counted as they are."""

MAX_KEPT = 64
"""Of these a restart knows: what is committed beside an offset is 4,096 bytes at most."""

NEWEST = 3
"""So many of the newest orphans are told by their offsets."""


class OrphanWatch:
    """Holds the labels of one partition against its events. Times in milliseconds."""

    def __init__(self, counts: LabelCounts | None = None) -> None:
        """`counts`: what was counted until the last commit."""
        kept = counts.waiting if counts else ()
        at = {offset for _, offset in kept}
        counts = counts or LabelCounts()
        self._counts = replace(counts, newest=tuple(o for o in counts.newest if o not in at), waiting=())
        self._kept: dict[str, list[int]] = {}
        for digest, offset in kept:
            self._kept.setdefault(digest, []).append(offset)
        self._events: dict[str, int] = {}
        self._order: deque[str] = deque()
        self._waiting: dict[str, list[tuple[int, int]]] = {}
        self._since = NEVER

    @property
    def counts(self) -> LabelCounts:
        """What is known of all labels until now."""
        waiting = [labels[-1][0] for labels in islice(reversed(self._waiting.values()), NEWEST)]
        kept = [offset for offsets in self._kept.values() for offset in offsets]
        return replace(self._counts, newest=(*self._counts.newest, *sorted(kept), *sorted(waiting))[-NEWEST:])

    def to_commit(self) -> LabelCounts:
        """`counts`, with what a restart must know of the labels that wait."""
        fresh: list[tuple[str, int]] = []
        for event_id, labels in reversed(self._waiting.items()):
            digest = digest_of(event_id)
            fresh += [(digest, offset) for offset, _ in labels]
            if len(fresh) >= MAX_KEPT:
                break
        kept = [(digest, offset) for digest, offsets in self._kept.items() for offset in offsets]
        newest = sorted((*kept, *fresh), key=lambda one: one[1])[-MAX_KEPT:]
        return replace(self.counts, waiting=tuple(newest))

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
        if self._kept:
            for digest in self._kept.keys() & set(map(digest_of, fresh)):
                self._uncount(len(self._kept.pop(digest)))
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
        self._uncount(len(self._waiting.pop(event_id)))

    def _uncount(self, found: int) -> None:
        self._counts = replace(self._counts, orphans=self._counts.orphans - found)


def digest_of(event_id: str) -> str:
    """Eight bytes that stand for an event id, in eleven characters."""
    short = blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return urlsafe_b64encode(short).decode().rstrip("=")
