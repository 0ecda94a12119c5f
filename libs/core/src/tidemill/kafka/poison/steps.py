"""The first batch of a partition, and the small steps through what a process before has not ended: committed as begun.

A record alone at which processes have ended `DEATHS` times is tried once more, in a child. If that dies of it or
hangs too, the record is set aside; if not, the record is innocent: whoever ended the processes, it was not it. Where
the child did not come to its work (somebody was away), nothing is known, and the record stays as suspected as it was.
Where this process ends with its child each time (a container whose memory's end is the end of all its processes), the
record is set aside without a trial after some more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tidemill.errors import TidemillError
from tidemill.kafka import metrics
from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.partitions.marks import Attempt
from tidemill.kafka.poison.child import lives
from tidemill.kafka.poison.raising import SetAside, where
from tidemill.kafka.poison.watchdog import Watchdog
from tidemill.kafka.runtime.executor import Dropped
from tidemill.kafka.runtime.outputs import Making
from tidemill.kafka.runtime.pipeline import Line

__all__ = ["DEATHS", "Steps"]

DEATHS = 3
"""Times that a process ends while a record is the only one at work, before the record is tried in a child."""
TRIALS = 7
"""Times that a process ends with the child before the record is set aside without one."""
_log = logging.getLogger(__name__)


class Steps:
    """Between reading and making a batch. Used by the loop's thread alone, which calls nothing else meanwhile.

    `process` is the worker's logic, and raises what that does; `set_aside` says what to write in place of a record that
    nobody may look into.
    """

    def __init__(
        self,
        assignment: Assignment,
        line: Line,
        process: Callable[[list[Batch]], list[Output]],
        set_aside: SetAside,
        watchdog: Watchdog,
    ) -> None:
        self._attempts = assignment.attempts
        self._assignment = assignment
        self._line = line
        self._process = process
        self._set_aside = set_aside
        self._watchdog = watchdog
        self._stepping = False

    def size(self, consumer: Consumer, held: Collection[str], usual: int) -> int:
        """How many records to read at most. While some partitions go in steps the others are paused. Raises what
        commits raise, and RetryLater.
        """
        suspects = self._attempts.suspects(held)
        if suspects:
            consumer.pause([TopicPartition(*p) for p in self._assignment.partitions if p not in suspects])
        elif self._stepping:
            self._let_others_go_on(consumer, held)
        self._stepping = self._watchdog.in_steps = bool(suspects)
        return min(usual, *suspects.values()) if suspects else usual

    def nothing_read(self) -> None:
        """A turn has read no record."""
        if self._stepping:
            self._attempts.nothing_came()

    def _let_others_go_on(self, consumer: Consumer, held: Collection[str]) -> None:
        """Nothing may be on its way, for what was paused is read again from what is committed. That is not waited for:
        while records keep coming there would always be something.
        """
        self._line.drain()
        consumer.resume([TopicPartition(*p) for p in self._assignment.partitions if p[0] not in held])
        self._assignment.rewind(consumer)

    def due(self, batches: list[Batch]) -> bool:
        """Whether `take` must be asked, with nothing on its way. To be asked of all that was read."""
        self._attempts.something_came()
        return self._attempts.unsettled(len(self._assignment.stands)) and self._attempts.due(batches)

    def take(self, making: Making, metadata: Any) -> Making:
        """Commit as begun what is about to be, and have a record made at once that is alone. Raises what commits and
        what the logic raise; Dropped for what is to be read again in smaller steps.
        """
        if self._attempts.too_many(making.batches):
            raise Dropped("read in one go with the assignment: to be read again in steps")
        begun = self._attempts.begin(making.batches)
        if sum(map(len, making.batches)) > 1 or not begun:
            self._commit(begun, metadata)
            return making
        ((partition, attempt),) = begun.items()
        if attempt.tries > DEATHS:
            outputs = self._tried(making.batches[0], partition, attempt, metadata)
            if outputs is not None:
                return Making(lambda _: outputs, making.batches)
        else:
            self._commit(begun, metadata)
        return self._made(making, partition, metadata)

    def _made(self, making: Making, partition: Partition, metadata: Any) -> Making:
        """Made to its end, or to an exception; either way the process lives, and that is committed before all else."""
        try:
            outputs = list(making)
        except TidemillError:  # somebody is away: the record has not been worked at to its end
            self._commit_marks({partition: self._attempts.undone(partition)}, metadata)
            raise
        except Exception:
            self._survived(partition, metadata)
            raise
        self._survived(partition, metadata)
        return Making(lambda _: outputs, making.batches)

    def _survived(self, partition: Partition, metadata: Any) -> None:
        self._attempts.survived(partition)
        self._commit_marks({partition: None}, metadata)

    def _tried(self, one: Batch, partition: Partition, attempt: Attempt, metadata: Any) -> list[Output] | None:
        """What to write in place of the record; None where it is to be made, and is committed as begun."""
        if attempt.tries <= DEATHS + TRIALS:
            self._commit({partition: attempt}, metadata)
            lived = lives(lambda: self._process([one]), self._watchdog.allowed_s)
            if lived is None:
                _log.warning("%s: processes have ended at it, and a trial did not come to its work", where(one))
                return None
            if lived:
                _log.warning("%s: processes have ended at it, and a trial has not: it goes on", where(one))
                self._survived(partition, metadata)
                self._commit({partition: Attempt(attempt.until, 1)}, metadata)
                return None
        why = f"{attempt.tries} processes have ended, or hung, while this was the only record that they worked at"
        _log.error("%s is set aside: %s", where(one), why)
        metrics.KILLING.labels(one.topic).inc()
        return self._set_aside(one, why)

    def _commit(self, begun: dict[Partition, Attempt], metadata: Any) -> None:
        if begun:
            self._commit_marks(begun, metadata)
            self._attempts.begun(begun)

    def _commit_marks(self, marks: Mapping[Partition, Attempt | None], metadata: Any) -> None:
        self._line.add(Making(self._process, []), self._assignment.begun(marks), metadata)
        self._line.write()
        self._line.settle()
