"""Reads a topic of few events from where it was left, without joining a group.

There is one reader of these topics, so the partition need not be handed over; a killed process would otherwise hold it
for the session timeout. Its positions are kept under the group's name.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tidemill.errors import FatalError, RetryLater
from tidemill.kafka.clients import consumer_config
from tidemill.settings import KafkaSettings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

log = logging.getLogger(__name__)

FETCH = 100
TIMEOUT_S = 20.0


class TopicReader:
    """At least once: what was not committed comes again, so its user must know repeats."""

    def __init__(self, settings: KafkaSettings, group: str, topics: dict[str, int]) -> None:
        """``topics``: name to number of partitions."""
        from confluent_kafka import Consumer

        self._topics = topics
        self._consumer: Consumer = Consumer(consumer_config(settings, group, **{"queued.max.messages.kbytes": 2_048}))
        self._assigned = False

    def poll(self, timeout_s: float) -> list[Message]:
        """Records that have come, in the order of each partition. Raises ``RetryLater`` when the brokers are away."""
        if not self._assigned:
            self._assign()
        good = []
        for message in self._consumer.consume(FETCH, timeout=timeout_s):
            error = message.error()
            if error is None:
                good.append(message)
            elif error.fatal():
                raise FatalError(f"Kafka refuses to be read: {error.str()}")
            else:
                log.warning("%s", error.str())
        return good

    def commit(self, message: Message) -> None:
        """This record and all before it in its partition have been dealt with."""
        from confluent_kafka import KafkaException, TopicPartition

        place = TopicPartition(message.topic(), message.partition(), message.offset() + 1)
        try:
            self._consumer.commit(offsets=[place], asynchronous=False)
        except KafkaException as error:
            raise RetryLater(f"a position cannot be committed: {error.args[0].str()}") from error

    def rewind(self, messages: list[Message]) -> None:
        """Read these records, the last ones that were given, again next."""
        from confluent_kafka import TopicPartition

        firsts: dict[tuple[str | None, int | None], int] = {}
        for message in reversed(messages):
            firsts[message.topic(), message.partition()] = message.offset() or 0
        for (topic, partition), offset in firsts.items():
            self._consumer.seek(TopicPartition(topic, partition, offset))

    def close(self) -> None:
        """Release the consumer."""
        self._consumer.close()

    def _assign(self) -> None:
        from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

        places = [TopicPartition(topic, number) for topic, count in self._topics.items() for number in range(count)]
        try:
            known = self._consumer.committed(places, timeout=TIMEOUT_S)
        except KafkaException as error:
            raise RetryLater(f"positions cannot be read: {error.args[0].str()}") from error
        for place in known:
            if place.error is not None:
                raise RetryLater(f"the position of {place.topic} cannot be read: {place.error}")
            place.offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
        self._consumer.assign(known)
        self._assigned = True
