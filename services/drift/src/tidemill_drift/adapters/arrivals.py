"""How many records came to a topic in a time, by the brokers' own index of times: nothing is read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from confluent_kafka import KafkaException, TopicPartition

from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.client.bounded import groupless_consumer, partitions_of, watermarks
from tidemill.settings import KafkaSettings
from tidemill_learning.drift.quiet.silence import Arrived

ANSWER_S = 10.0

MOST_KNOWN = 50_000
"""Offsets of times that are remembered: of a time that has passed they do not change."""


class TopicArrivals:
    """Counts offsets (transaction markers are among them, which makes no difference to a share). Not thread-safe."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._consumer = groupless_consumer(settings, "drift-arrivals", isolation_level="read_uncommitted")
        self._known: OrderedDict[tuple[str, int], dict[int, int]] = OrderedDict()

    def close(self) -> None:
        """Release the consumer."""
        self._consumer.close()

    def of(self, topics: Sequence[str]) -> Arrived:
        """Of these topics together; a topic that is not there has brought nothing. Raises RetryLater without brokers,
        as does what is given.
        """
        bounds = {}
        for topic in topics:
            try:
                bounds[topic] = watermarks(self._consumer, topic, partitions_of(self._consumer, topic))
            except ConfigError:
                continue

        def arrived(since: int, until: int) -> int | None:
            counts = [self._arrived(topic, found, since, until) for topic, found in bounds.items()]
            known = [count for count in counts if count is not None]
            return sum(known) if len(known) == len(counts) else None

        return arrived

    def _arrived(self, topic: str, bounds: dict[int, tuple[int, int]], since: int, until: int) -> int | None:
        first, last = self._at(topic, bounds, since), self._at(topic, bounds, until)
        removed = any(0 < low >= first[number] for number, (low, _) in bounds.items())
        written = any(low < high for low, high in bounds.values())
        if since > 0 and written and (removed or not any(first[n] > low for n, (low, _) in bounds.items())):
            return None  # what came then has been removed, or the topic is younger
        return sum(last[number] - first[number] for number in bounds)

    def _at(self, topic: str, bounds: dict[int, tuple[int, int]], time: int) -> dict[int, int]:
        """The first offset that came at this time or later, by partition."""
        key = (topic, time)
        known = self._known.get(key)
        if known is None or known.keys() != bounds.keys():
            known = self._known[key] = self._asked(topic, bounds, time)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return known

    def _asked(self, topic: str, bounds: dict[int, tuple[int, int]], time: int) -> dict[int, int]:
        wanted = [TopicPartition(topic, number, time) for number in bounds]
        try:
            found = self._consumer.offsets_for_times(wanted, timeout=ANSWER_S)
        except KafkaException as error:
            raise RetryLater(f"{topic}: {error.args[0].str()}") from error
        return {one.partition: one.offset if one.offset >= 0 else bounds[one.partition][1] for one in found}
