"""Partitions that do not hold the offset that a reader is at, or are of another topic by now.

Each goes on as soon as brokers tell where, whatever the others do: a partition whose leader is away, or that its topic
has no more, would otherwise hold up all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, Message

from tidemill.errors import RetryLater
from tidemill.kafka.batch import Partition
from tidemill.kafka.partitions.marks import Mark, Resumption, go_on
from tidemill.kafka.partitions.resuming import log_bounds
from tidemill.kafka.runtime.backoff import Backoff

__all__ = ["WAIT_S", "Astray", "bounds", "not_there", "resumption"]

_log = logging.getLogger(__name__)

WAIT_S = 2.0
"""So long one partition is asked for, and then all of one round together: the others are to be read meanwhile."""

_FIRST_S = 1.0
_MOST_S = 15.0


class Astray:
    """The partitions of one reader, in the order in which they are asked for. Nothing that is read of them counts."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._waiting: dict[Partition, None] = {}
        self._backoff = Backoff(_FIRST_S, _MOST_S)
        self._again = 0.0

    def __contains__(self, partition: object) -> bool:
        return partition in self._waiting

    def __iter__(self) -> Iterator[Partition]:
        return iter(list(self._waiting))

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def due(self) -> bool:
        """Whether it is time to ask where to go on."""
        return bool(self._waiting) and self._monotonic() >= self._again

    def add(self, partitions: Iterable[Partition]) -> None:
        """These are astray, too; those that were not before are asked for at once."""
        new = [partition for partition in partitions if partition not in self._waiting]
        if new:
            self._waiting |= dict.fromkeys(new)
            self._soon()

    def discard(self, partitions: Iterable[Partition]) -> None:
        """These have gone on, or are read no more."""
        for partition in partitions:
            self._waiting.pop(partition, None)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around what must be known of all before `ask`: where it raises RetryLater, it is asked for later, too."""
        try:
            yield
        except RetryLater:
            self._later()
            raise

    def ask(self, where: Callable[[Partition], Resumption]) -> dict[Partition, Resumption]:
        """Where to go on, of each partition of which it is told in time. `where` raises RetryLater where it is not told
        now: that partition stays, behind the others, and is asked for later. What is found stays until `discard`.
        """
        found: dict[Partition, Resumption] = {}
        until = self._monotonic() + WAIT_S
        for partition in self:
            if self._monotonic() > until:
                break
            try:
                found[partition] = where(partition)
            except RetryLater as error:
                _log.warning("%s/%d waits, others go on: %s", *partition, error)
                self._waiting[partition] = self._waiting.pop(partition)
        if found:
            self._soon()
        else:
            self._later()
        return found

    def _later(self) -> None:
        self._again = self._monotonic() + self._backoff.next_s()

    def _soon(self) -> None:
        self._backoff.reset()
        self._again = 0.0


def not_there(messages: Iterable[Message]) -> set[Partition]:
    """The partitions of which the client says that an offset is not there."""
    errors = ((message, message.error()) for message in messages)
    return {
        (str(message.topic()), int(message.partition() or 0))
        for message, error in errors
        if error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET
    }


def bounds(consumer: Consumer, partition: Partition, mark: Mark, topic_id: str) -> tuple[int, int]:
    """What the log of a partition holds, by what brokers tell within `WAIT_S`. Raises RetryLater where they do not, or
    not the id of a topic of which it was known: of a new one, one broker tells after the other.
    """
    if mark.topic_id and not topic_id:
        raise RetryLater("its topic's id is not told yet")
    return log_bounds(consumer, partition, WAIT_S)


def resumption(consumer: Consumer, partition: Partition, at: int, mark: Mark, topic_id: str) -> Resumption:
    """Where a reader that stands `at` goes on. Raises as `bounds`."""
    return go_on(at, mark, *bounds(consumer, partition, mark, topic_id), topic_id)
