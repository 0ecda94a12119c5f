"""For readers that go on by offsets of their own: what a log holds now, and to say what must be left out.

Where to go on is decided in `marks`.
"""

from __future__ import annotations

import logging

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tidemill.errors import RetryLater
from tidemill.kafka import metrics
from tidemill.kafka.client.refusals import explain
from tidemill.kafka.partitions.marks import Mark, Resumption

__all__ = ["log_bounds", "say", "say_unread"]

_log = logging.getLogger(__name__)
_REQUEST_TIMEOUT_S = 5.0
_REMEMBERED = frozenset(
    {KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART}
    | {KafkaError.LEADER_NOT_AVAILABLE}
)


def log_bounds(
    consumer: Consumer, partition: tuple[str, int], timeout_s: float = _REQUEST_TIMEOUT_S
) -> tuple[int, int]:
    """First offset of a partition, and its end: for a consumer of committed records where these end (the last stable
    offset), else the high watermark. Raises RetryLater without an answer in time.
    """
    where = f"first offset of {partition[0]}/{partition[1]}"
    try:
        found = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=timeout_s)
    except KafkaException as error:
        if error.args[0].code() in _REMEMBERED:
            _ask_anew(consumer, partition[0], timeout_s)
        raise RetryLater(f"{where}: {explain(error.args[0])}") from error
    if found is None:
        raise RetryLater(f"{where}: no answer in time")
    return found


def _ask_anew(consumer: Consumer, topic: str, timeout_s: float) -> None:
    try:
        consumer.list_topics(topic, timeout=timeout_s)
    except KafkaException as error:
        raise RetryLater(f"{topic}: {explain(error.args[0])}") from error


def say_unread(group: str, partition: tuple[str, int], start: int, mark: Mark) -> None:
    """Log and count that a topic was made anew while nobody of the group read it."""
    why = f"the topic was deleted and made anew while nobody read it: begun at offset {start}"
    say(group, partition, Resumption(start, mark, 0, why, anew=True))


def say(group: str, partition: tuple[str, int], found: Resumption) -> None:
    """Log and count that a reader has gone on elsewhere than where it stood; nothing where it has not."""
    topic, number = partition
    if found.why is not None:
        _log.error("%s/%d: %s", topic, number, found.why, extra={"topic": topic, "partition": number})
    if found.removed:
        metrics.REMOVED_UNREAD.labels(group, topic).inc(found.removed)
    if found.anew:
        metrics.TOPICS_ANEW.labels(group, topic).inc()
