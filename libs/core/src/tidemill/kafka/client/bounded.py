"""Reading up to an end: shared by `BroadcastReader` and `scan`.

An end is reached by position, not by counting records: transaction markers, aborted records and what
compaction took away leave holes. Where the tail holds nothing that a consumer is shown, no position moves
either; then the end-of-partition event tells.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from tidemill.errors import ConfigError, FatalError, RetryLater
from tidemill.kafka.client.clients import consumer_config
from tidemill.kafka.client.refusals import explain
from tidemill.kafka.partitions.resuming import log_bounds
from tidemill.settings import KafkaSettings

__all__ = ["GONE", "Remaining", "groupless_consumer", "partitions_of", "split_errors", "watermarks"]

_REQUEST_TIMEOUT_S = 10.0
NEW_TOPIC_S = 3.0
_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.GROUP_AUTHORIZATION_FAILED,  # librdkafka looks for a coordinator that is never needed here
    }
)
GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})
"""What is said of a topic that is not there any more."""


def groupless_consumer(settings: KafkaSettings, name: str, **over: Any) -> Consumer:
    """A consumer that joins no group and commits nothing; it says when a partition's end is reached."""
    return Consumer(consumer_config(settings, f"{settings.prefix}{name}", enable_partition_eof=True, **over))


def partitions_of(consumer: Consumer, topic: str) -> list[int]:
    """Partition numbers of `topic`; ConfigError if there is no such topic, RetryLater without brokers.

    A topic that was created a moment ago is not known to every broker yet: it is asked for some times.
    """
    deadline = time.monotonic() + NEW_TOPIC_S
    while True:
        try:
            found = consumer.list_topics(topic, timeout=_REQUEST_TIMEOUT_S).topics[topic]
        except KafkaException as error:
            raise RetryLater(f"{topic}: the Kafka brokers do not answer: {error.args[0].str()}") from error
        if found.error is None:
            return sorted(found.partitions)
        if time.monotonic() > deadline:
            if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise ConfigError(f"there is no topic {topic}: `tidemill topics apply` creates what is missing")
            raise RetryLater(f"{topic}: {explain(found.error)}")
        time.sleep(0.1)


def watermarks(consumer: Consumer, topic: str, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """First offset and end of each partition as of now; the end is where committed records end (the last
    stable offset) for a consumer of committed records, the high watermark otherwise.
    """
    return {partition: _watermarks(consumer, (topic, partition)) for partition in partitions}


def _watermarks(consumer: Consumer, partition: tuple[str, int]) -> tuple[int, int]:
    deadline = time.monotonic() + NEW_TOPIC_S
    while True:
        try:
            return log_bounds(consumer, partition, _REQUEST_TIMEOUT_S)
        except RetryLater:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # a partition of a new topic, or one that has just moved, finds its leader soon


def split_errors(messages: Iterable[Message], passing: Collection[int] = ()) -> tuple[list[Message], dict[int, int]]:
    """Records, and partition → offset of end-of-partition events. Raises FatalError for errors that do not pass; those
    of `passing` do for this reader.
    """
    records, ends = [], {}
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            ends[_number(message.partition())] = _number(message.offset())
        elif error.code() not in _PASSING and error.code() not in passing and not error.retriable():
            raise FatalError(f"{message.topic()}: {explain(error)}")
    return records, ends


class Remaining:
    """The partitions that have not been read to their end yet."""

    def __init__(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> None:
        self._ends = dict(ends)
        self._at = {partition: starts[partition] for partition in ends}
        self.open = {partition for partition, end in ends.items() if starts[partition] < end}

    def advance(self, positions: Mapping[int, int]) -> set[int]:
        """Positions reached so far; returns the partitions that have come to their end by it."""
        for partition, position in positions.items():
            if partition in self._at:
                self._at[partition] = max(self._at[partition], position)
        done = {partition for partition in self.open if self._at[partition] >= self._ends[partition]}
        self.open -= done
        return done

    @property
    def reached(self) -> int:
        """Sum of all positions: grows as long as there is progress."""
        return sum(self._at.values())


def _number(value: int | None) -> int:
    return -1 if value is None else value
