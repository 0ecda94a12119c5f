"""When positions of held topics are moved, and of which topics they tell nothing; decided without a broker."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from tests.support.kafka.workers import FunctionWorker
from tests.unit.core.kafka.fakes import FakeConsumer
from tidemill.errors import RetryLater
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.runtime.loop_status import Trouble
from tidemill.kafka.runtime.pausing import Holds


class Consumer(FakeConsumer):
    """Stands where it is put, and keeps what is paused."""

    def __init__(self) -> None:
        super().__init__({("a", 0): 0, ("b", 0): 0})
        self.paused: set[str] = set()

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {tp.topic for tp in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {tp.topic for tp in partitions}

    def seek(self, partition: TopicPartition) -> None:
        super().seek(partition)
        self.positions[partition.topic, partition.partition] = partition.offset


class Bench:
    def __init__(self) -> None:
        self.consumer: Any = Consumer()
        self.assignment = Assignment(
            threading.Event(), Trouble(logging.getLogger("test")), FunctionWorker(lambda b: [])
        )
        self.assignment.assign(self.consumer, [TopicPartition("a", 0), TopicPartition("b", 0)])
        self.holds = Holds(self.assignment, before_change=self.before_change)
        self.settled: list[list[Any]] = []
        self.asked_meanwhile: list[set[str]] = []

    def before_change(self) -> None:
        self.settled.append(list(self.consumer.seeks))
        for topics in self.asked_meanwhile:
            self.holds.set(topics)


def test_a_topic_whose_records_were_passed_over_stays_held_until_it_is_rewound_whatever_is_asked() -> None:
    bench = Bench()
    bench.holds.apply(bench.consumer)
    bench.holds.set({"a"})
    assert bench.holds.pass_over() == {"a"}
    bench.consumer.positions["a", 0] = 7
    bench.holds.set(())
    assert bench.holds.pass_over() == {"a"}
    assert bench.assignment.moved(bench.consumer, bench.holds.pass_over()) == []
    bench.holds.apply(bench.consumer)
    assert bench.consumer.seeks == [("a", 0, 0)]
    assert bench.holds.pass_over() == set()


def test_positions_are_moved_when_nothing_is_on_its_way_and_what_is_asked_meanwhile_takes_effect_the_next_turn() -> (
    None
):
    bench = Bench()
    bench.consumer.positions["a", 0] = 7
    bench.holds.set({"a"})
    bench.asked_meanwhile = [{"b"}]
    bench.holds.apply(bench.consumer)
    assert bench.settled == [[]] and bench.consumer.seeks == [("a", 0, 0)]
    assert bench.consumer.paused == {"a"}
    assert bench.holds.pass_over() == {"a", "b"}
    bench.holds.apply(bench.consumer)
    assert bench.consumer.paused == {"b"} and len(bench.settled) == 2
    bench.holds.apply(bench.consumer)
    assert len(bench.settled) == 2, "nothing has changed"


def test_what_could_not_be_rewound_is_rewound_the_next_turn() -> None:
    bench = Bench()
    bench.holds.set({"a"})
    bench.holds.pass_over()
    bench.consumer.positions["a", 0] = 7
    bench.holds.set(())
    failed: list[int] = []

    def away() -> None:
        if not failed:
            failed.append(1)
            raise RetryLater("brokers are away")

    bench.consumer.on_seek = away
    with pytest.raises(RetryLater):
        bench.holds.apply(bench.consumer)
    assert bench.holds.pass_over() == {"a"}
    bench.holds.apply(bench.consumer)
    assert bench.consumer.seeks == [("a", 0, 0)]
