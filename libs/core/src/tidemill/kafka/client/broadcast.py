"""A whole topic for everyone who asks: how replicas learn what must serve, without a group."""

from __future__ import annotations

import logging
import time
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka import metrics
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.bounded import (
    GONE,
    Remaining,
    groupless_consumer,
    partitions_of,
    split_errors,
    watermarks,
)
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.hearing import Hearing
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill.settings import KafkaSettings

__all__ = ["BroadcastReader"]

_log = logging.getLogger(__name__)
_CHUNK = 1_000
_CHUNK_S = 0.1
_FETCH_BUFFER_KB = 1_024
_MISSED = 2


class BroadcastReader:
    """Reads all partitions of a (compacted) topic from the beginning, committed records only, in no group.

    Connects when it is first read. Every record is given out once, by `catch_up` or by `poll`, in
    offset order per partition. A null value is a tombstone and is given out too. A topic that was deleted and made
    anew, which its id tells (asked for every two seconds), is read from its beginning, and that is logged and counted;
    what was read of it before that is given out again. Until it is there again it is waited for, which is logged and
    told by `tidemill_topic_absent`. Not thread-safe.

    A client that gets no answer while others do (`Hearing`), or has not reached an end in time, is replaced, and the
    new one goes on where it stood.
    """

    def __init__(self, settings: KafkaSettings, topic: str, *, name: str = "broadcast") -> None:
        self._settings = settings
        self._topic = topic
        self._name = name
        self._ids = TopicIds(partial(admin, settings))
        self._id = ""
        self._known = self._absent = False
        self._consumer: Consumer | None = None
        self._partitions: list[int] = []
        self._positions: dict[int, int] = {}
        self._kept: list[Batch] = []
        self._hearing = Hearing(settings, lambda: topic)

    def catch_up(self, timeout_s: float) -> list[Batch]:
        """All records not given out yet, at least up to the end of the topic as it is at this call.

        Raises RetryLater if that end is not reached in time (nothing is lost: the next call goes on), or if the topic
        is there no more; ConfigError if it never was.
        """
        deadline = time.monotonic() + timeout_s
        self._look()
        consumer = self._connected()
        try:
            marks = watermarks(consumer, self._topic, self._partitions)
        except RetryLater:
            self._replace()
            raise
        starts = {partition: max(self._positions.get(partition, 0), low) for partition, (low, _) in marks.items()}
        remaining = Remaining(starts, {partition: high for partition, (_, high) in marks.items()})
        while remaining.open:
            self._kept += self._read(consumer, _CHUNK_S)
            remaining.advance(self._positions)
            if remaining.open and time.monotonic() > deadline:
                self._replace()
                raise RetryLater(f"{self._topic} could not be read to its end within {timeout_s:.0f} s")
        return self._take()

    def poll(self, timeout_s: float = 0.0) -> list[Batch]:
        """Records not given out yet that are there, or come within `timeout_s`; none while brokers, or the topic, are
        away. Raises as `catch_up` where it has yet to connect.
        """
        self._look()
        batches = self._read(self._connected(), timeout_s)
        if batches:
            self._hearing.heard()
        elif self._hearing.lost(self._connected()):
            self._replace()
        return self._take() + batches

    def again(self) -> None:
        """Give out all records once more, from the beginning: for one who passed some over that matter by now."""
        self.close()
        self._positions, self._kept = {}, []

    def close(self) -> None:
        """Release the consumer."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def __enter__(self) -> BroadcastReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _look(self) -> None:
        """Now and then: where the topic is another one by now, it is begun."""
        found = self._ids.look([self._topic]).get(self._topic, "")
        if self._consumer is None:
            return
        if self._ids.missed.get(self._topic, 0) >= _MISSED:
            self._note(absent=True)
        if not found:
            return
        self._note(absent=False)
        if self._id and found != self._id:
            _log.error("%s: the topic was deleted and made anew: read from its beginning", self._topic)
            metrics.TOPICS_ANEW.labels(f"{self._settings.prefix}{self._name}", self._topic).inc()
            self.close()
            self._positions = {}
        self._id = found

    def _connected(self) -> Consumer:
        if self._consumer is None:
            consumer = self._client()
            try:
                self._partitions = partitions_of(consumer, self._topic)
                self._id = self._id or self._ids.of([self._topic])[self._topic]
            except BaseException as error:
                consumer.close()
                if self._known and isinstance(error, ConfigError):
                    self._note(absent=True)
                    raise RetryLater(f"{self._topic} was there and is not now: it is waited for") from error
                raise
            self._known = True
            self._note(absent=False)
            self._assign(consumer)
            self._consumer = consumer
            self._hearing.heard()
        return self._consumer

    def _client(self) -> Consumer:
        return groupless_consumer(
            self._settings, self._name, queued_max_messages_kbytes=_FETCH_BUFFER_KB, queued_min_messages=_CHUNK
        )

    def _assign(self, consumer: Consumer) -> None:
        places = {number: self._positions.get(number, OFFSET_BEGINNING) for number in self._partitions}
        consumer.assign([TopicPartition(self._topic, number, at) for number, at in places.items()])

    def _replace(self) -> None:
        """Another client, which asks nothing before it is read, in the place of this one."""
        self.close()
        self._consumer = self._client()
        self._assign(self._consumer)

    def _read(self, consumer: Consumer, timeout_s: float) -> list[Batch]:
        # Without ids nothing would tell that it is another topic when it is there again: then it is an error.
        passing = GONE if self._id else ()
        records, ends = split_errors(consumer.consume(_CHUNK, timeout_s), passing)
        for tp in consumer.position([TopicPartition(self._topic, number) for number in self._partitions]):
            reached = max(tp.offset, ends.get(tp.partition, 0))
            self._positions[tp.partition] = max(self._positions.get(tp.partition, 0), reached)
        return Batch.from_messages(records)

    def _note(self, *, absent: bool) -> None:
        if absent == self._absent:
            return
        self._absent = absent
        metrics.ABSENT.labels(self._topic).set(absent)
        if absent:
            _log.error("%s is not there any more: it is waited for", self._topic, extra={"topic": self._topic})
        else:
            _log.info("%s is there", self._topic, extra={"topic": self._topic})

    def _take(self) -> list[Batch]:
        kept, self._kept = self._kept, []
        return kept
