"""A worker that passes records on and keeps a diary of what the loop asks of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.kafka.workers import passing_to
from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.kafka.worker import TolerantWorker, Worker


@dataclass(frozen=True, slots=True)
class Entry:
    """One call: `records` are (partition, offset, value) in the order in which they were given."""

    what: str
    partitions: tuple[Partition, ...] = ()
    records: tuple[tuple[Partition, int, int], ...] = ()


@dataclass
class Hooks:
    """What a test does within a call, before the worker does anything: by default nothing."""

    process: Callable[[Entry], object] = lambda entry: None
    assigned: Callable[[Entry], object] = lambda entry: None
    idle: Callable[[Entry], object] = lambda entry: None
    starts: Mapping[Partition, int] = field(default_factory=dict)


class DiaryWorker(Worker):
    """`calls`: all in their order; `overlaps`: those that came while another had not returned."""

    def __init__(self, sink: str, hooks: Hooks | None = None) -> None:
        self._pass = passing_to(sink)
        self._hooks = hooks or Hooks()
        self._busy = threading.Lock()
        self.calls: list[Entry] = []
        self.overlaps: list[Entry] = []

    @contextmanager
    def _noted(self, entry: Entry) -> Iterator[Entry]:
        alone = self._busy.acquire(blocking=False)
        self.calls.append(entry)
        if not alone:
            self.overlaps.append(entry)
        try:
            yield entry
        finally:
            if alone:
                self._busy.release()

    def named(self, *names: str) -> list[Entry]:
        """The calls of these methods."""
        return [entry for entry in list(self.calls) if entry.what in names]

    def process(self, batches: list[Batch]) -> list[Output]:
        rows = (
            ((batch.topic, number), offset, int(value or b"-1"))
            for batch in batches
            for number, offset, value in zip(batch.partitions, batch.offsets, batch.values, strict=True)
        )
        with self._noted(Entry("process", records=tuple(rows))) as entry:
            self._hooks.process(entry)
            return self._pass(batches)

    def start_offsets(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        with self._noted(Entry("start_offsets", tuple(partitions))):
            return self._hooks.starts

    def assigned(self, partitions: list[Partition]) -> None:
        with self._noted(Entry("assigned", tuple(partitions))) as entry:
            self._hooks.assigned(entry)
        self.calls.append(Entry("assigned, done", tuple(partitions)))

    def revoked(self, partitions: list[Partition]) -> None:
        with self._noted(Entry("revoked", tuple(partitions))):
            pass

    def before_batch(self) -> None:
        with self._noted(Entry("before_batch")):
            pass

    def idle(self) -> None:
        with self._noted(Entry("idle")) as entry:
            self._hooks.idle(entry)


class TolerantDiaryWorker(DiaryWorker, TolerantWorker):
    """Writes 1,000,000 more than its number in place of a record that fails."""

    def set_aside(self, one: Batch, why: str) -> list[Output]:
        with self._noted(Entry("set_aside")):
            values = [b"%d" % (int(value or b"0") + 1_000_000) for value in one.values]
            return self._pass([Batch(one.topic, one.partitions, one.offsets, [0], one.keys, list(values), one.headers)])

    def unread(self, one: Batch, why: str) -> list[Output]:
        raise AssertionError("no record of these tests ends its process")
