"""Follows the platform's own topics (drift events, runs, versions, ...) from outside, without a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.settings import KafkaSettings

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


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

        from tidemill.kafka.client.clients import consumer_config

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

    def close(self) -> None:
        """Releases the consumer."""
        self._consumer.close()

    def _news(self, message: Any) -> News:
        topic = message.topic()
        datum = self._codec.decode_one(message.value(), self._schemas[topic]) if message.value() is not None else {}
        return News(self._roles[topic], message.partition(), message.offset(), message.timestamp()[1], datum)


def read_all(view: PlatformView, role: str, model: str | None = None, since_ms: int | None = None) -> list[News]:
    """All records of a platform topic that are there now, of one model where it is named, from a time of the
    log on.

    In order per partition; repeats of an event are dropped by their id. Nothing where the topic does not exist.
    """
    from tidemill.errors import ConfigError
    from tidemill.kafka.client.scan import scan

    schema = view.schemas.for_topic(role)
    found: dict[Any, News] = {}
    try:
        for batch in scan(view.settings, view.topics.name(role), since_ms=since_ms):
            for row in range(len(batch)):
                datum = view.codec.decode_one(batch.values[row], schema)
                item = News(role, batch.partitions[row], batch.offsets[row], batch.timestamps_ms[row], datum)
                if model is None or model_of(datum) == model:
                    found.setdefault(identity(item), item)
    except ConfigError:
        return []
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
