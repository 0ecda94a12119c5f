"""Follows the platform's own topics (drift events, runs, versions, ...) from outside, without a group."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tidemill.codec import Codec
from tidemill.contracts.schemas import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import RetryLater
from tidemill.settings import KafkaSettings

FETCH_S = 0.2


@dataclass(frozen=True, slots=True)
class News:
    """One record of a platform topic. `datum`: the Avro record, times in ms; `at_ms`: when the broker
    appended it.
    """

    role: str
    partition: int
    offset: int
    at_ms: int
    datum: dict[str, Any]


class Feed:
    """Reads platform topics with one partition or more from their beginning, committed records only, in order
    per partition.

    One consumer for all of them. Not safe to share between threads.
    """

    def __init__(
        self, settings: KafkaSettings, topics: TopicCatalog, schemas: SchemaCatalog, codec: Codec,
        roles: Sequence[str],
    ) -> None:  # fmt: skip
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

        from tidemill.kafka.clients import consumer_config

        self._codec = codec
        self._schemas = {topics.name(role): schemas.for_topic(role) for role in roles}
        self._roles = {topics.name(role): role for role in roles}
        over = {"queued.max.messages.kbytes": 4_096, "queued.min.messages": 1_000}
        self._consumer = Consumer(consumer_config(settings, topics.group("feed"), **over))
        known = self._consumer.list_topics(timeout=10).topics
        self._assigned = [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in self._roles
            if topic in known
            for partition in known[topic].partitions
        ]
        self._consumer.assign(self._assigned)

    def poll(self, timeout_s: float = 0.0, most: int = 1_000) -> list[News]:
        """What has come since, waiting up to `timeout_s` for the first."""
        messages = self._consumer.consume(most, timeout_s)
        return [self._news(message) for message in messages if message.error() is None]

    def read_to_end(self, timeout_s: float = 20.0) -> list[News]:
        """Everything up to the ends as they are now. Raises RetryLater where they are not reached in time."""
        from confluent_kafka import TopicPartition

        deadline = time.monotonic() + timeout_s
        ends = {}
        for part in self._assigned:
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(part.topic, part.partition), timeout=10
            )
            if high > low:
                ends[part.topic, part.partition] = high
        found: list[News] = []
        while ends:
            found += self.poll(FETCH_S)
            # The position passes transaction markers too, where there is no record left to come.
            for at in self._consumer.position([TopicPartition(*key) for key in ends]):
                if at.offset >= ends[at.topic, at.partition]:
                    del ends[at.topic, at.partition]
            if ends and time.monotonic() > deadline:
                raise RetryLater(
                    f"could not read to the end of {', '.join(sorted({topic for topic, _ in ends}))} in time"
                )
        return found

    def close(self) -> None:
        """Releases the consumer."""
        self._consumer.close()

    def _news(self, message: Any) -> News:
        topic = message.topic()
        datum = (
            self._codec.decode_one(message.value(), self._schemas[topic])
            if message.value() is not None
            else {}
        )
        return News(self._roles[topic], message.partition(), message.offset(), message.timestamp()[1], datum)


def of_model(news: Iterable[News], role: str, model: str) -> list[News]:
    """The records of one role and one model, in the order in which they came; repeats are dropped by their
    id.
    """
    found: dict[Any, News] = {}
    for item in news:
        if item.role == role and model_of(item.datum) == model:
            found.setdefault(identity(item), item)
    return list(found.values())


def model_of(datum: dict[str, Any]) -> str | None:
    """The model that a platform event is about."""
    published = datum.get("published") or {}
    name = datum.get("model", published.get("model"))
    return name if isinstance(name, str) else None


def identity(item: News) -> Any:
    """What is the same for a repeat of the same event."""
    keys = ("event_id", "performance_id", "report_id", "release_id", "command_id", "profile_id")
    own = next((item.datum[key] for key in keys if key in item.datum), None)
    if own is None and item.role == "retrain_requests":
        own = item.datum.get("request_id")
    if own is None and item.role == "model_versions":
        own = item.datum.get("epoch")
    return own if own is not None else (item.partition, item.offset)
