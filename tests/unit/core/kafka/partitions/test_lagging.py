"""Lag is made of what a client knows: positions, and the ends that came with its fetches."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, TopicPartition
from prometheus_client import REGISTRY

from tidemill.kafka.partitions.lag import Lag

Partition = tuple[str, int]
_groups = count()


class Client:
    """As much of a consumer as is asked."""

    def __init__(self, positions: dict[Partition, int], ends: dict[Partition, int]) -> None:
        self._positions, self._ends = positions, ends

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(p.topic, p.partition, self._positions[p.topic, p.partition]) for p in partitions]

    def get_watermark_offsets(self, partition: TopicPartition, *, cached: bool) -> tuple[int, int]:
        assert cached, "no broker is asked"
        return 0, self._ends.get((partition.topic, partition.partition), OFFSET_INVALID)


def lag_of(group: str, topic: str) -> float | None:
    return REGISTRY.get_sample_value("tidemill_consumer_lag", {"group": group, "topic": topic})


@pytest.fixture
def group() -> str:
    return f"lag-{next(_groups)}"


def tell(lag: Lag, stands: dict[Partition, int], positions: dict[Partition, int], ends: dict[Partition, int]) -> None:
    client: Any = Client(positions, ends)
    lag.tell(client, stands)


def test_a_topics_partitions_are_summed_and_what_was_not_read_yet_counts_from_where_it_begins(group: str) -> None:
    stands = {("a", 0): 5, ("a", 1): 7, ("b", 0): 0}
    positions = {("a", 0): 8, ("a", 1): OFFSET_INVALID, ("b", 0): 3}
    tell(Lag(group, lambda: 0.0), stands, positions, {("a", 0): 10, ("a", 1): 9, ("b", 0): 3})
    assert (lag_of(group, "a"), lag_of(group, "b")) == (4.0, 0.0)


def test_a_partition_of_which_no_end_is_known_counts_nothing(group: str) -> None:
    tell(Lag(group, lambda: 0.0), {("a", 0): 5}, {("a", 0): 8}, {})
    assert lag_of(group, "a") == 0.0


def test_it_is_told_once_a_second_and_no_longer_when_the_topic_has_gone(group: str) -> None:
    now = [0.0]
    lag = Lag(group, lambda: now[0])
    tell(lag, {("a", 0): 0}, {("a", 0): 0}, {("a", 0): 10})
    now[0] = 0.9
    tell(lag, {("a", 0): 0}, {("a", 0): 9}, {("a", 0): 10})
    assert lag_of(group, "a") == 10.0
    now[0] = 1.0
    tell(lag, {}, {}, {})
    assert lag_of(group, "a") is None
