"""Handing columns to a producer, with as little per record as Python allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from tidemill.errors import RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.client.refusals import explain

__all__ = ["DeliveryFailures", "produce_all"]

_NO_PARTITION = -1
_NOW = 0
_POLL_S = 0.05


def produce_all(producer: Producer, outputs: Iterable[Output], deadline: float) -> None:
    """Enqueue all records; where the producer's queue is full, wait until `deadline` (`time.monotonic`).

    Raises RetryLater if it is full beyond that, KafkaException for what the client refuses.
    """
    for output in outputs:
        if len(output):
            _produce(producer, output, deadline)


def _produce(producer: Producer, output: Output, deadline: float) -> None:
    produce: Callable[..., None] = producer.produce
    topic = output.topic
    for value, key, partition, headers, timestamp in zip(*_columns(output), strict=False):
        try:
            produce(topic, value, key, partition, None, None, timestamp, headers)
        except BufferError:
            record = (topic, value, key, partition, None, None, timestamp, headers)
            _produce_patiently(producer, record, deadline)


def _columns(output: Output) -> list[Iterable[Any]]:
    given = output.partitions
    partitions = _NO_PARTITION if given is None else given
    columns: list[Any] = [output.values, output.keys, partitions, output.headers, output.timestamps_ms]
    lengths = {len(column) for column in columns if column is not None and not isinstance(column, int)}
    if len(lengths) > 1:
        raise ValueError(f"columns of an output to {output.topic} have different lengths: {sorted(lengths)}")
    if output.timestamps_ms is None:
        columns[4] = _NOW
    return [repeat(column) if column is None or isinstance(column, int) else column for column in columns]


def _produce_patiently(producer: Producer, record: tuple[Any, ...], deadline: float) -> None:
    while True:
        producer.poll(_POLL_S)
        try:
            producer.produce(*record)
            return
        except BufferError:
            if time.monotonic() > deadline:
                raise RetryLater("the producer's queue stays full: the brokers do not take records") from None


class DeliveryFailures:
    """Collects failed deliveries; a producer calls it (`on_delivery`) while it is polled or flushed."""

    LASTING = frozenset(
        {
            KafkaError.MSG_SIZE_TOO_LARGE,
            KafkaError.RECORD_LIST_TOO_LARGE,
            KafkaError.INVALID_RECORD,
            KafkaError.INVALID_TIMESTAMP,
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.POLICY_VIOLATION,
            KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        }
    )
    """Failures that the same record meets again however often it is sent."""

    _PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})

    def __init__(self) -> None:
        self._first: tuple[KafkaError, str] | None = None
        self._lasting: tuple[KafkaError, str] | None = None

    def __call__(self, error: KafkaError | None, message: Any) -> None:
        if error is None or error.code() in self._PURGED:
            return
        failure = (error, message.topic() or "")
        self._first = self._first or failure
        if error.code() in self.LASTING:
            self._lasting = self._lasting or failure

    def clear(self) -> None:
        """Forget all."""
        self._first = self._lasting = None

    @property
    def first(self) -> str | None:
        """The first failure in words."""
        return _words(self._first)

    @property
    def lasting(self) -> str | None:
        """The first failure that no repetition mends, in words."""
        return _words(self._lasting)

    def refused(self, error: KafkaException, topic: str) -> None:
        """Note a record that the client itself refused (too large, say)."""
        self(error.args[0], _Refused(topic))


class _Refused:
    def __init__(self, topic: str) -> None:
        self._topic = topic

    def topic(self) -> str:
        return self._topic


def _words(failure: tuple[KafkaError, str] | None) -> str | None:
    return None if failure is None else f"topic {failure[1]}: {explain(failure[0])}"
