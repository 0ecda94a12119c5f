"""Partitions that do not hold what comes next go on one by one: what no broker tells of now holds up no others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from tests.support.kafka.workers import FunctionWorker
from tests.unit.core.kafka.fakes import FakeConsumer, failure
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Partition
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.partitions.astray import WAIT_S, Astray
from tidemill.kafka.partitions.known_topics import Identities
from tidemill.kafka.partitions.marks import Mark, Resumption
from tidemill.kafka.runtime.loop_status import Trouble

A, B, C = ("in", 0), ("in", 1), ("in", 2)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Ids:
    """What brokers tell of topics' ids, when they are asked, and of themselves."""

    now: str = "old"

    def of(self, topics: Iterable[str]) -> dict[str, str]:
        return dict.fromkeys(topics, self.now)

    def look(self, topics: Iterable[str]) -> dict[str, str]:
        return self.of(topics)


@dataclass
class Silent(FakeConsumer):
    """A consumer that gets no answer of some partitions."""

    partitions: set[Partition] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__({A: 7, B: 7})

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        if (partition.topic, partition.partition) in self.partitions:
            raise failure(KafkaError._TIMED_OUT)
        return 0, 100


class Read:
    """A record, as far as it is looked at."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def topic(self) -> str:
        return self._partition[0]

    def partition(self) -> int:
        return self._partition[1]

    def error(self) -> None:
        return None


def found(asked: Iterable[Partition]) -> dict[Partition, Resumption]:
    return {partition: Resumption(0, Mark()) for partition in asked}


def test_who_gets_no_answer_goes_behind_the_others_and_is_asked_again_less_and_less_often() -> None:
    clock, silent, asked = Clock(), {A}, list[Partition]()
    astray = Astray(clock)
    astray.add([A, B])

    def where(partition: Partition) -> Resumption:
        asked.append(partition)
        if partition in silent:
            raise RetryLater("no answer")
        return Resumption(0, Mark())

    assert astray.due and astray.ask(where) == found([B])
    astray.discard([B])
    assert astray.due, "something was told: the others are asked for at once"
    assert astray.ask(where) == {} and not astray.due
    waited = []
    for _ in range(8):
        begun = clock.now
        while not astray.due:
            clock.now += 0.25
        waited.append(clock.now - begun)
        astray.ask(where)
    assert waited[0] <= 1.25 and 7.0 <= waited[-1] <= 15.25
    astray.add([A])
    assert not astray.due, "it is known already"
    astray.add([C])
    assert astray.due and list(astray) == [A, C]


def test_a_round_of_questions_ends_in_time_and_the_next_begins_with_those_that_were_not_asked() -> None:
    clock, asked = Clock(), list[Partition]()
    astray = Astray(clock)
    astray.add([A, B, C])

    def where(partition: Partition) -> Resumption:
        asked.append(partition)
        clock.now += WAIT_S
        raise RetryLater("no answer")

    astray.ask(where)
    assert asked == [A, B]
    clock.now += 60
    astray.ask(where)
    assert asked == [A, B, C, A]


def bench() -> tuple[Assignment, Any, Ids]:
    ids, consumer = Ids(), Silent()
    worker = FunctionWorker(lambda batches: [])
    assignment = Assignment(
        threading.Event(), Trouble(logging.getLogger("test")), worker, identities=Identities(ids=ids)
    )  # type: ignore[arg-type]
    assignment.assign(consumer, [TopicPartition(*A), TopicPartition(*B)])  # type: ignore[arg-type]
    return assignment, consumer, ids


def test_a_partition_without_an_answer_holds_up_no_other_of_a_topic_that_was_made_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assignment, consumer, ids = bench()
    consumer.positions = {A: 9, B: 9}
    ids.now, consumer.partitions = "new", {B}
    assignment.look()
    assert set(assignment.astray) == {A, B}
    assignment.find(consumer)
    assert "in/1 waits, others go on" in caplog.text
    assert dict(assignment.stands) == {A: 0, B: 7} and list(assignment.astray) == [B]
    records: list[Any] = [Read(A), Read(B)]
    assert assignment.mine(records, ()) == records[:1], "what is read of the new one in the old one's place"
    assert {tp.partition for tp in assignment.moved(consumer)} == {0}
    assignment.rewind(consumer)
    assert {partition for _, partition, _ in consumer.seeks} == {0}

    consumer.partitions.clear()
    assignment.find(consumer)
    assert dict(assignment.stands) == {A: 0, B: 0} and not assignment.astray
    assert assignment.mine(records, ()) == records


def test_where_the_id_of_a_topic_is_not_told_yet_it_waits_and_is_not_taken_for_the_one_before() -> None:
    assignment, consumer, ids = bench()
    assignment.astray.add([A])  # its offset is not there
    ids.now = ""
    assignment.find(consumer)
    assert list(assignment.astray) == [A]
    ids.now = "new"
    assignment.find(consumer)
    assert dict(assignment.stands) == {A: 0, B: 7}


def test_a_partition_that_is_revoked_while_it_waits_is_asked_for_no_more() -> None:
    assignment, consumer, ids = bench()
    ids.now, consumer.partitions = "new", {B}
    assignment.look()
    assignment.find(consumer)
    assignment.revoke(consumer, [TopicPartition(*B)])
    assert not assignment.astray and not assignment.astray.due
