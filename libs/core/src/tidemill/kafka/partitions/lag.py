"""How far a reader is behind, from what its client knows already."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tidemill.kafka import metrics

__all__ = ["Lag"]

_EVERY_S = 1.0


class Lag:
    """Exports `tidemill_consumer_lag` of one group, once a second at most; asks no broker.

    The end of a partition is the one that came with its last fetch: a partition that is not fetched (paused) keeps
    the lag of when it was.
    """

    def __init__(self, group: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._group = group
        self._clock = clock
        self._next = 0.0
        self._told: set[str] = set()

    def tell(self, consumer: Consumer, stands: Mapping[tuple[str, int], int]) -> None:
        """`stands`: where each partition that is held was begun, or what is committed of it. Where its client has
        read further, that counts.
        """
        if self._clock() < self._next:
            return
        self._next = self._clock() + _EVERY_S
        lags: dict[str, int] = {topic: 0 for topic, _ in stands}
        for tp in consumer.position([TopicPartition(*partition) for partition in stands]):
            at = tp.offset if tp.offset >= 0 else stands[tp.topic, tp.partition]
            lags[tp.topic] += max(0, _end(consumer, tp) - at)
        for topic in self._told - lags.keys():
            metrics.LAG.remove(self._group, topic)
        for topic, lag in lags.items():
            metrics.LAG.labels(self._group, topic).set(lag)
        self._told = set(lags)


def _end(consumer: Consumer, tp: TopicPartition) -> int:
    try:
        _, high = consumer.get_watermark_offsets(TopicPartition(tp.topic, tp.partition), cached=True)
    except (KafkaException, TypeError):
        return -1
    return int(high)
