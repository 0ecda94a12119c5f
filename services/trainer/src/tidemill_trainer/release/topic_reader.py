"""Reads a topic of few events from where it was left, without joining a group.

There is one reader of these topics, so the partition need not be handed over; a killed process would
otherwise hold it for the session timeout. Its positions are kept under the group's name, each with the id of its
topic: one that was deleted and made anew is begun at its first offset.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tidemill.errors import FatalError, RetryLater
from tidemill.kafka.client.clients import admin, consumer_config
from tidemill.kafka.partitions.marks import Mark, go_on
from tidemill.kafka.partitions.resuming import log_bounds, say
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill.settings import KafkaSettings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

    from tidemill.kafka.headers import Headers

_log = logging.getLogger(__name__)

FETCH = 100
TIMEOUT_S = 20.0


class TopicReader:
    """At least once: what was not committed comes again, so its user must know repeats."""

    def __init__(self, settings: KafkaSettings, group: str, topics: dict[str, int]) -> None:
        """`topics`: name to number of partitions. Connects when it is first polled."""
        self._config = consumer_config(settings, group, **{"queued.max.messages.kbytes": 2_048})
        self._group = group
        self._topics = topics
        self._ids = TopicIds(partial(admin, settings))
        self._marks: dict[tuple[str, int], Mark] = {}
        self._consumer: Consumer | None = None

    def poll(self, timeout_s: float) -> list[Message]:
        """Records that have come, in the order of each partition. Raises `RetryLater` when the brokers are
        away.
        """
        self._look()
        good = []
        for message in self._assigned().consume(FETCH, timeout=timeout_s):
            error = message.error()
            if error is None:
                good.append(message)
            elif error.fatal():
                raise FatalError(f"Kafka refuses to be read: {error.str()}")
            else:
                _log.warning("%s", error.str())
        return good

    def commit(self, message: Message) -> None:
        """This record and all before it in its partition have been dealt with."""
        from confluent_kafka import KafkaException, TopicPartition

        topic, partition, offset = position(message)
        mark = self._marks.get((topic, partition), Mark())
        place = TopicPartition(topic, partition, offset + 1, metadata=mark.text())
        try:
            self._assigned().commit(offsets=[place], asynchronous=False)
        except KafkaException as error:
            raise RetryLater(f"a position cannot be committed: {error.args[0].str()}") from error

    def rewind(self, messages: list[Message]) -> None:
        """Read these records, the last ones that were given, again next."""
        from confluent_kafka import KafkaException, TopicPartition

        firsts: dict[tuple[str, int], int] = {}
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

    def _look(self) -> None:
        """Now and then: where a topic is another one by now, all are begun again from what is committed."""
        found = self._ids.look(self._topics)
        if any(mark.anew(found.get(topic, "")) for (topic, _), mark in self._marks.items()):
            self.close()

    def _assigned(self) -> Consumer:
        """The consumer, at the positions where the last one left off."""
        if self._consumer is None:
            from confluent_kafka import Consumer

            consumer = Consumer(self._config)
            try:
                consumer.assign(self._left_off(consumer))
            except BaseException:
                consumer.close()
                raise
            self._consumer = consumer
        return self._consumer

    def _left_off(self, consumer: Consumer) -> list[TopicPartition]:
        from confluent_kafka import KafkaException, TopicPartition

        places = [TopicPartition(topic, number) for topic, count in self._topics.items() for number in range(count)]
        try:
            known = consumer.committed(places, timeout=TIMEOUT_S)
        except KafkaException as error:
            raise RetryLater(f"positions cannot be read: {error.args[0].str()}") from error
        ids, found = self._ids.of(self._topics), []
        for place in known:
            if place.error is not None:
                raise RetryLater(f"the position of {place.topic} cannot be read: {place.error}")
            found.append(self._goes_on(consumer, place, ids[place.topic]))
        self._marks = {partition: mark for partition, (_, mark) in zip(map(_partition, known), found, strict=True)}
        return [TopicPartition(*_partition(place), at) for place, (at, _) in zip(known, found, strict=True)]

    def _goes_on(self, consumer: Consumer, place: TopicPartition, topic_id: str) -> tuple[int, Mark]:
        """Where to begin a partition, and what is committed with it from now on; says what must be left out."""
        from confluent_kafka import OFFSET_BEGINNING

        partition = _partition(place)
        known = self._marks.get(partition, Mark())
        mark = Mark.parse(place.metadata) if place.offset >= 0 else known
        if place.offset < 0 and not mark.anew(topic_id):
            return OFFSET_BEGINNING, replace(mark, topic_id=topic_id or mark.topic_id)
        found = go_on(max(place.offset, 0), mark, *log_bounds(consumer, partition), topic_id)
        if known.topic_id != topic_id or not found.anew:  # said already, and not committed since
            say(self._group, partition, found)
        return found.start, found.mark


def _partition(place: TopicPartition) -> tuple[str, int]:
    return place.topic, place.partition


def position(message: Message) -> tuple[str, int, int]:
    """Topic, partition and offset of a record without an error."""
    return message.topic(), message.partition(), message.offset()  # type: ignore[return-value]


def headers_of(message: Message) -> Headers | None:
    """Headers as a list; the client's types allow more than it gives."""
    return message.headers()  # type: ignore[return-value]
