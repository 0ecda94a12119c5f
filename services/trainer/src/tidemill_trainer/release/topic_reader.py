"""Reads a topic of few events from where it was left, without joining a group.

There is one reader of these topics, so the partition need not be handed over; a killed process would
otherwise hold it for the session timeout. Its positions are kept under the group's name, each with the id of its
topic: one that was deleted and made anew is begun at its first offset. Each partition is begun as soon as brokers tell
where.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tidemill.errors import FatalError, RetryLater
from tidemill.kafka.batch import Partition
from tidemill.kafka.client.clients import admin, consumer_config
from tidemill.kafka.client.hearing import Hearing
from tidemill.kafka.partitions.astray import Astray, bounds, not_there
from tidemill.kafka.partitions.marks import Mark, Resumption, go_on
from tidemill.kafka.partitions.resuming import say
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill.settings import KafkaSettings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

    from tidemill.kafka.headers import Headers

_log = logging.getLogger(__name__)

FETCH = 100
TIMEOUT_S = 20.0
CONFIG = {"queued.max.messages.kbytes": 2_048, "auto.offset.reset": "error"}


class TopicReader:
    """At least once: what was not committed comes again, so its user must know repeats."""

    def __init__(self, settings: KafkaSettings, group: str, topics: dict[str, int]) -> None:
        """`topics`: name to number of partitions. Connects when it is first polled."""
        self._config = consumer_config(settings, group, **CONFIG)
        self._group = group
        self._topics = topics
        self._ids = TopicIds(partial(admin, settings))
        self._hearing = Hearing(settings, lambda: next(iter(topics), None))
        self._marks: dict[Partition, Mark] = {}
        self._astray = Astray()
        self._consumer: Consumer | None = None
        self._given: dict[Partition, int] = {}
        self._done: dict[Partition, int] = {}
        """Behind the last record that was given, and behind the last one that was dealt with."""

    def poll(self, timeout_s: float) -> list[Message]:
        """Records that have come, in the order of each partition. Raises `RetryLater` when the brokers are
        away.
        """
        self._look()
        consumer, good = self._heard(), []
        self._begin(consumer)
        messages = consumer.consume(FETCH, timeout=timeout_s)
        if messages and messages[0].error() is None:
            self._hearing.heard()
        lost = not_there(messages)
        self._lose(consumer, lost)
        for message in messages:
            error = message.error()
            if error is None:
                good.append(message)
                self._given[position(message)[:2]] = position(message)[2] + 1
            elif error.fatal():
                raise FatalError(f"Kafka refuses to be read: {error.str()}")
            elif position(message)[:2] not in lost:
                _log.warning("%s", error.str())
        if not messages:
            self._pass_markers(consumer)
        return good

    def commit(self, message: Message) -> None:
        """This record and all before it in its partition have been dealt with."""
        from confluent_kafka import KafkaException, TopicPartition

        topic, partition, offset = position(message)
        mark = self._marks.get((topic, partition), Mark())
        place = TopicPartition(topic, partition, offset + 1, metadata=mark.text())
        try:
            self._heard().commit(offsets=[place], asynchronous=False)
        except KafkaException as error:
            raise RetryLater(f"a position cannot be committed: {error.args[0].str()}") from error
        self._done[topic, partition] = offset + 1

    def _pass_markers(self, consumer: Consumer) -> None:
        """Commit that there is nothing more, where all records are dealt with: the end of a transaction has an offset
        of its own, and a group that is idle has a lag of 0.
        """
        from confluent_kafka import KafkaException, TopicPartition

        dealt_with = [partition for partition, done in self._done.items() if self._given.get(partition) == done]
        places = []
        for at in consumer.position([TopicPartition(*partition) for partition in dealt_with]):
            partition = at.topic, at.partition
            if at.offset > self._done[partition] and partition not in self._astray:
                mark = self._marks.get(partition, Mark()).text()
                places.append(TopicPartition(*partition, at.offset, metadata=mark))
        if not places:
            return
        try:
            consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:  # with the next record, or the next time
            _log.info("a position is not committed yet: %s", error.args[0].str())
            return
        for place in places:
            self._given[place.topic, place.partition] = self._done[place.topic, place.partition] = place.offset

    def topic_id(self, message: Message) -> str:
        """The id of the topic that a record is of; empty where brokers tell none."""
        return self._marks.get(position(message)[:2], Mark()).topic_id

    def rewind(self, messages: list[Message]) -> None:
        """Read these records, the last ones that were given, again next."""
        from confluent_kafka import KafkaException, TopicPartition

        firsts: dict[Partition, int] = {}
        for message in reversed(messages):
            topic, partition, offset = position(message)
            firsts[topic, partition] = offset
        try:
            for (topic, partition), offset in firsts.items():
                self._assigned().seek(TopicPartition(topic, partition, offset))
        except KafkaException as error:  # it begins again where it left off: no later than there
            _log.warning("begun again from what is committed: %s", error.args[0].str())
            self.close()

    def close(self) -> None:
        """Release the consumer."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _heard(self) -> Consumer:
        """The consumer, another one where brokers answer others and not it: it begins again where it left off."""
        if self._consumer is not None and self._hearing.lost(self._consumer):
            self.close()
        return self._assigned()

    def _look(self) -> None:
        """Now and then: a topic that is another one by now is read no further, and begun anew."""
        found = self._ids.look(self._topics)
        if self._consumer is not None:
            anew = (partition for partition, mark in self._marks.items() if mark.anew(found.get(partition[0], "")))
            self._lose(self._consumer, anew)

    def _lose(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Read these no further: they are begun again, where that is told."""
        from confluent_kafka import TopicPartition

        lost = [partition for partition in partitions if partition not in self._astray]
        consumer.incremental_unassign([TopicPartition(*partition) for partition in lost])
        self._astray.add(lost)
        for partition in lost:
            self._given.pop(partition, None)
            self._done.pop(partition, None)

    def _assigned(self) -> Consumer:
        """The consumer, at the positions where the last one left off, as far as brokers tell them."""
        if self._consumer is None:
            from confluent_kafka import Consumer

            self._consumer, self._astray = Consumer(self._config), Astray()
            self._given, self._done = {}, {}
            self._astray.add((topic, number) for topic, count in self._topics.items() for number in range(count))
            self._begin(self._consumer)
        return self._consumer

    def _begin(self, consumer: Consumer) -> None:
        """Read on in those partitions that are not read now and of which brokers tell where. Raises RetryLater without
        brokers.
        """
        from confluent_kafka import TopicPartition

        if not self._astray.due:
            return
        with self._astray.asking():
            places = self._places(consumer)
            ids = self._ids.of({topic for topic, _ in self._astray})
        found = self._astray.ask(lambda partition: self._resumption(consumer, places[partition], ids[partition[0]]))
        for partition, one in found.items():
            if self._marks.get(partition, Mark()).topic_id != ids[partition[0]] or not one.anew:
                say(self._group, partition, one)  # else it is said already, and was not committed since
            self._marks[partition] = one.mark
            consumer.incremental_assign([TopicPartition(*partition, one.start)])
        self._astray.discard(found)

    def _places(self, consumer: Consumer) -> dict[Partition, TopicPartition]:
        from confluent_kafka import KafkaException, TopicPartition

        try:
            known = consumer.committed([TopicPartition(*partition) for partition in self._astray], timeout=TIMEOUT_S)
        except KafkaException as error:
            raise RetryLater(f"positions cannot be read: {error.args[0].str()}") from error
        return {(place.topic, place.partition): place for place in known}

    def _resumption(self, consumer: Consumer, place: TopicPartition, topic_id: str) -> Resumption:
        """Where to begin a partition, and what is committed with it from now on."""
        if place.error is not None:
            raise RetryLater(f"its position cannot be read: {place.error}")
        partition = place.topic, place.partition
        mark = Mark.parse(place.metadata) if place.offset >= 0 else self._marks.get(partition, Mark())
        low, high = bounds(consumer, partition, mark, topic_id)
        if place.offset < 0 and not mark.anew(topic_id):
            return Resumption(low, replace(mark, topic_id=topic_id or mark.topic_id))
        return go_on(max(place.offset, 0), mark, low, high, topic_id)


def position(message: Message) -> tuple[str, int, int]:
    """Topic, partition and offset of a record without an error."""
    return message.topic(), message.partition(), message.offset()  # type: ignore[return-value]


def headers_of(message: Message) -> Headers | None:
    """Headers as a list; the client's types allow more than it gives."""
    return message.headers()  # type: ignore[return-value]
