"""A bounded read of one topic, for audits, traces and the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.bounded import Remaining, groupless_consumer, partitions_of, split_errors, watermarks
from tidemill.settings import KafkaSettings

__all__ = ["bounds", "read_range", "scan"]

_POLL_S = 0.05
_REQUEST_TIMEOUT_S = 10.0
_FETCH_BUFFER_KB = 8_192
_FETCH_MESSAGES = 10_000  # a partition's; the buffer counts payload alone, and a small record costs 400 bytes beside it


def scan(
    settings: KafkaSettings,
    topic: str,
    *,
    partitions: Sequence[int] | None = None,
    start: Mapping[int, int] | int | None = None,
    since_ms: int | None = None,
    end: Mapping[int, int] | None = None,
    read_uncommitted: bool = False,
    batch_size: int = 10_000,
    timeout_s: float = 30.0,
) -> Iterator[Batch]:
    """Records of `topic` from `start` up to its end as it is at this call, in batches of at most `batch_size`.

    `partitions`: all, if None. `start`: first offset, one for all or per partition; what retention has removed is
    skipped. `since_ms`: the first record whose timestamp is that or later (Unix ms, the broker's append time); `start`
    and `since_ms` exclude each other. `end`: offsets to stop before, per partition; by default where committed records
    end now (or the high watermark, with `read_uncommitted`).

    In offset order per partition, partitions interleaved. Joins no group. Memory is bounded by the fetch buffer and one
    batch. Raises RetryLater after `timeout_s` without progress, ConfigError if there is no such topic.
    """
    consumer = groupless_consumer(
        settings,
        "scan",
        isolation_level="read_uncommitted" if read_uncommitted else "read_committed",
        queued_max_messages_kbytes=_FETCH_BUFFER_KB,
        queued_min_messages=_FETCH_MESSAGES,
    )
    try:
        numbers = list(partitions) if partitions is not None else partitions_of(consumer, topic)
        marks = watermarks(consumer, topic, numbers)
        ends = {n: min(end[n], high) if end and n in end else high for n, (_, high) in marks.items()}
        starts = _starts(consumer, topic, marks, start, since_ms)
        yield from read_range(consumer, topic, starts, ends, batch_size, timeout_s)
    finally:
        consumer.close()


def bounds(
    settings: KafkaSettings, topic: str, *, since_ms: int | None = None, read_uncommitted: bool = False
) -> dict[int, tuple[int, int]]:
    """Where `scan` would begin and end: first offset and end by partition; raises as `scan` does."""
    isolation = "read_uncommitted" if read_uncommitted else "read_committed"
    consumer = groupless_consumer(settings, "scan", isolation_level=isolation)
    try:
        marks = watermarks(consumer, topic, partitions_of(consumer, topic))
        starts = _starts(consumer, topic, marks, None, since_ms)
        return {n: (starts[n], high) for n, (_, high) in marks.items()}
    finally:
        consumer.close()


def _starts(
    consumer: Consumer,
    topic: str,
    marks: Mapping[int, tuple[int, int]],
    start: Mapping[int, int] | int | None,
    since_ms: int | None,
) -> dict[int, int]:
    if since_ms is not None:
        if start is not None:
            raise ValueError("give start or since_ms, not both")
        return _offsets_at(consumer, topic, marks, since_ms)
    if isinstance(start, int):
        start = dict.fromkeys(marks, start)
    return {n: max(low, start.get(n, low) if start else low) for n, (low, _) in marks.items()}


def _offsets_at(consumer: Consumer, topic: str, marks: Mapping[int, tuple[int, int]], since_ms: int) -> dict[int, int]:
    wanted = [TopicPartition(topic, number, since_ms) for number in marks]
    try:
        found = consumer.offsets_for_times(wanted, timeout=_REQUEST_TIMEOUT_S)
    except KafkaException as error:
        raise RetryLater(f"{topic}: {error.args[0].str()}") from error
    return {tp.partition: tp.offset if tp.offset >= 0 else marks[tp.partition][1] for tp in found}


def read_range(
    consumer: Consumer,
    topic: str,
    starts: dict[int, int],
    ends: dict[int, int],
    batch_size: int,
    timeout_s: float,
) -> Iterator[Batch]:
    """Records of `topic` from `starts` to before `ends`, by partition, with a consumer of no group; it is assigned the
    partitions, and left to whoever gave it. Raises RetryLater after `timeout_s` without progress.
    """
    remaining = Remaining(starts, ends)
    consumer.assign([TopicPartition(topic, n, starts[n]) for n in remaining.open])
    reached, since = remaining.reached, time.monotonic()
    while remaining.open:
        still_open = sorted(remaining.open)
        records, ended = split_errors(consumer.consume(batch_size, _POLL_S))
        positions = {
            tp.partition: tp.offset for tp in consumer.position([TopicPartition(topic, n) for n in still_open])
        }
        done = remaining.advance({n: max(positions[n], ended.get(n, -1)) for n in still_open})
        if done:
            consumer.incremental_unassign([TopicPartition(topic, n) for n in done])
        yield from Batch.from_messages(_before(records, ends))
        if remaining.reached > reached:
            reached, since = remaining.reached, time.monotonic()
        elif time.monotonic() - since > timeout_s:
            raise RetryLater(f"{topic}: no progress for {timeout_s:.0f} s at partitions {still_open}")


def _before(records: list[Message], ends: Mapping[int, int]) -> list[Message]:
    return [m for m in records if m.offset() < ends.get(m.partition(), 0)]  # type: ignore[operator, arg-type]
