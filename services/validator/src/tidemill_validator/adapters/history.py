"""Reads back what went to clean: the event ids that a newly assigned partition must know."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tidemill.codec import Codec
from tidemill.errors import RetryLater
from tidemill.kafka.client.bounded import groupless_consumer, watermarks
from tidemill.kafka.client.scan import scan
from tidemill.settings import KafkaSettings
from tidemill_validator import metrics
from tidemill_validator.checks.stream_validator import Stream, StreamValidator
from tidemill_validator.uniqueness.memory import read_back
from tidemill_validator.uniqueness.restore import Chunk, Range, read_window


class CleanHistory:
    """Prepares validators for partitions that they are given. Uses its own short-lived consumers, without a
    group.
    """

    def __init__(self, settings: KafkaSettings, codec: Codec, limit: int) -> None:
        self._settings = settings
        self._codec = codec
        self._limit = limit

    def restore(self, validator: StreamValidator, partitions: Sequence[int]) -> None:
        """Hand `partitions` to `validator`, with the ids of their window. Raises RetryLater where Kafka is
        away.

        All that an earlier owner committed is read: offsets of a partition are handed out once its
        transactions have ended.
        """
        stream = validator.stream
        started = time.perf_counter()
        chunks: dict[int, list[Chunk]] = {}
        if stream.uniques:
            chunks = read_window(
                lambda r: self._read(stream, r),
                self._bounds(stream, partitions),
                stream.within_ms,
                stream.limit(self._limit),
            )
        for partition in partitions:
            validator.take(partition, chunks.get(partition, ()))
        metrics.REBUILD_SECONDS.labels(stream.model, stream.role).observe(time.perf_counter() - started)

    def _bounds(self, stream: Stream, partitions: Sequence[int]) -> dict[int, Range]:
        """First offset and end of each partition. Raises RetryLater while a transaction is open in one: what
        was committed behind it cannot be seen yet.
        """
        committed = self._watermarks(stream, partitions, "read_committed")
        ends = self._watermarks(stream, partitions, "read_uncommitted")
        hidden = [partition for partition in partitions if committed[partition][1] < ends[partition][1]]
        if hidden:
            raise RetryLater(f"{stream.clean}: an earlier owner's transaction is open in {hidden}", delay_s=0.25)
        return committed

    def _watermarks(self, stream: Stream, partitions: Sequence[int], isolation: str) -> dict[int, Range]:
        consumer = groupless_consumer(self._settings, "validator-history", isolation_level=isolation)
        try:
            return watermarks(consumer, stream.clean, partitions)
        finally:
            consumer.close()

    def _read(self, stream: Stream, ranges: Mapping[int, Range]) -> dict[int, Chunk]:
        found: dict[int, tuple[list[Any], list[int]]] = {partition: ([], []) for partition in ranges}
        starts = {partition: start for partition, (start, _) in ranges.items()}
        ends = {partition: end for partition, (_, end) in ranges.items()}
        for batch in scan(self._settings, stream.clean, partitions=list(ranges), start=starts, end=ends):
            decoded = self._codec.decode(batch.values, stream.schema)
            keys, times = read_back(stream.uniques, stream.event_time, decoded.rows)
            for position, key, event_time in zip(decoded.index.tolist(), keys, times, strict=True):
                column = found[batch.partitions[position]]
                column[0].append(key)
                column[1].append(event_time)
        return dict(found)
