"""What was begun and never ended, by partition: how a record is found that ends its process.

A worker commits with its offset, before its first batch of a partition, how far that batch goes (`marks.Attempt`).
The batch's own commit takes it away. A process that finds one knows that another has ended within it, for whatever
reason, and goes through it in small steps, each committed as begun: first of a few records, then one by one. A record
is suspected only after processes have ended at it while it was the only one at work.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from tidemill.kafka.batch import Batch, Partition
from tidemill.kafka.partitions.marks import Attempt

__all__ = ["FEW", "FRUITLESS_S", "Attempts", "last_offsets"]

FEW = 64
"""Records at once where a larger batch was not ended; where these were not either: one."""
FRUITLESS_S = 60.0
"""Of nothing but turns without records; then small steps are given up, for they hold the others up."""
_LONGEST_TURN_S = 5.0  # a turn without records is shorter: what took longer was something else
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    """A range up to `until` that was begun and not ended; `last`: that attempt, while we stand where it began."""

    until: int
    step: int
    last: Attempt | None


class Attempts:
    """Of the partitions that one member holds. Used by the loop's thread alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[Partition, _Open] = {}
        self._going: set[Partition] = set()
        self._written: dict[Partition, Attempt] = {}
        self._fruitless_s = 0.0
        self._turned = clock()

    def found(self, partition: Partition, attempt: Attempt) -> None:
        """A partition comes in of which this was committed."""
        step = FEW if attempt.records > FEW else 1
        self._open[partition] = _Open(attempt.until, step, attempt)
        self.something_came()
        _log.warning(
            "%s/%d: a process has ended before it was through with what it began here, %d records at once up to offset "
            "%d, %d times in a row: gone through in steps of %d",
            *partition, attempt.records, attempt.until - 1, attempt.tries, step,
        )  # fmt: skip

    def ended(self, partition: Partition, offset: int) -> None:
        """What stands before `offset` is committed."""
        self._going.add(partition)
        self._written.pop(partition, None)
        self.something_came()
        there = self._open.get(partition)
        if there is not None and offset >= there.until:
            del self._open[partition]
            _log.info("%s/%d: through with what was not ended, up to offset %d", *partition, there.until - 1)
        elif there is not None:
            there.last = None

    def forget(self, partition: Partition) -> None:
        """It has gone, or its log is another."""
        self._going.discard(partition)
        self._open.pop(partition, None)
        self._written.pop(partition, None)

    def suspects(self, held: Collection[str] = ()) -> dict[Partition, int]:
        """The partitions to be gone through in steps, but of topics that are held, and how many records at once."""
        return {p: there.step for p, there in self._open.items() if p[0] not in held}

    def something_came(self) -> None:
        """A turn has read records, or a commit has moved."""
        self._fruitless_s, self._turned = 0.0, self._clock()

    def nothing_came(self) -> None:
        """A turn of small steps has read no record. After a minute of such turns and no others, what was not ended is
        in the log no more: it is given up. Long work, waits and time in which the process was frozen do not count.
        """
        now = self._clock()
        self._fruitless_s += min(now - self._turned, _LONGEST_TURN_S)
        self._turned = now
        if self._fruitless_s > FRUITLESS_S:
            _log.warning("nothing comes of what was not ended: goes on at full speed")
            self._open.clear()

    def unsettled(self, partitions: int) -> bool:
        """Whether anything may be due, of so many partitions that are held."""
        return bool(self._open) or len(self._going) < partitions

    def due(self, batches: Sequence[Batch]) -> bool:
        """Whether something of these is to be committed as begun, before it is."""
        partitions = {(batch.topic, number) for batch in batches for number in set(batch.partitions)}
        return not partitions <= self._going or not self._open.keys().isdisjoint(partitions)

    def too_many(self, batches: Sequence[Batch]) -> bool:
        """Whether these are more at once than one of their partitions is to be gone through by: it has just come in."""
        records = sum(map(len, batches))
        return any(p in self._open and records > self._open[p].step for p in last_offsets(batches))

    def begin(self, batches: Sequence[Batch]) -> dict[Partition, Attempt]:
        """What is to be committed as begun before these are; nothing where it has been already."""
        records = sum(map(len, batches))
        fresh: dict[Partition, Attempt] = {}
        for partition, offset in last_offsets(batches).items():
            there = self._open.get(partition)
            if there is None and partition in self._going:
                continue
            attempt = Attempt(offset + 1, records)
            if there is not None and there.last is not None and _alike(there.last, attempt):
                attempt = Attempt(offset + 1, records, there.last.tries + 1)
            if self._written.get(partition) != attempt:
                fresh[partition] = attempt
        return fresh

    def begun(self, attempts: dict[Partition, Attempt]) -> None:
        """These are committed as begun."""
        self._written |= attempts

    def survived(self, partition: Partition) -> None:
        """Whatever came of it, this process was not ended by the attempt that is begun."""
        self._written.pop(partition, None)
        if partition in self._open:
            self._open[partition].last = None

    def undone(self, partition: Partition) -> Attempt | None:
        """The attempt that is begun did not come to the work: what is to be committed, as it was before. It is begun
        again as the same.
        """
        self._written.pop(partition, None)
        there = self._open.get(partition)
        return None if there is None else there.last


def last_offsets(batches: Sequence[Batch]) -> dict[Partition, int]:
    """The last offset of each partition."""
    return {
        (batch.topic, number): offset
        for batch in batches
        for number, offset in zip(batch.partitions, batch.offsets, strict=True)
    }


def _alike(before: Attempt, now: Attempt) -> bool:
    """Whether it is the same record alone, or more than one both times."""
    return before.until == now.until if now.records == 1 and before.records == 1 else before.records > 1 < now.records
