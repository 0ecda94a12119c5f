from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, TopicPartition

from tests.support.kafka.workers import FunctionWorker
from tests.unit.core.kafka.fakes import FakeConsumer, failure
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Partition
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.runtime.loop_status import Trouble


def tps(*numbers: int) -> list[TopicPartition]:
    return [TopicPartition("in", number) for number in numbers]


def make(**hooks: Callable[..., object]) -> Assignment:
    worker = FunctionWorker(lambda batches: [], **hooks)
    return Assignment(threading.Event(), Trouble(logging.getLogger("test")), worker)


def offsets(partitions: list[TopicPartition]) -> dict[int, int]:
    return {tp.partition: tp.offset for tp in partitions}


def test_a_partition_begins_at_its_committed_offset_else_at_the_hook_s_else_at_its_first_record() -> None:
    consumer = FakeConsumer({("in", 0): 7}, first=3)
    asked: list[Partition] = []

    def start(partitions: list[Partition]) -> dict[Partition, int]:
        asked.extend(partitions)
        return {("in", 1): 50}

    assignment = make(start_offsets=start)
    assignment.assign(consumer, tps(0, 1, 2))  # type: ignore[arg-type]
    assert offsets(consumer.assigned) == {0: 7, 1: 50, 2: 3}
    assert asked == [("in", 1), ("in", 2)]
    assert assignment.fresh == [("in", 0), ("in", 1), ("in", 2)]
    assert offsets(consumer.resumed).keys() == {0, 1, 2}


def test_a_start_offset_before_the_first_record_is_moved_to_it() -> None:
    consumer = FakeConsumer({}, first=30)
    assignment = make(start_offsets=lambda partitions: dict.fromkeys(partitions, 5))
    assignment.assign(consumer, tps(0))  # type: ignore[arg-type]
    assert offsets(consumer.assigned) == {0: 30}


def test_positions_ahead_of_what_is_committed_and_starts_never_committed_are_to_be_committed() -> None:
    consumer = FakeConsumer({("in", 0): 7, ("in", 1): 7})
    assignment = make()
    assignment.assign(consumer, tps(0, 1, 2))  # type: ignore[arg-type]
    consumer.positions = {("in", 0): 9, ("in", 1): 7}
    moved = assignment.moved(consumer)  # type: ignore[arg-type]
    assert offsets(moved) == {0: 9, 2: 0}
    assignment.committed(moved)
    assert assignment.moved(consumer) == []  # type: ignore[arg-type]


def test_a_rewind_seeks_what_has_moved_and_nothing_else() -> None:
    consumer = FakeConsumer({("in", 0): 7, ("in", 1): 7, ("in", 2): 7})
    assignment = make()
    assignment.assign(consumer, tps(0, 1, 2))  # type: ignore[arg-type]
    consumer.positions = {("in", 0): 9, ("in", 1): 7}
    assignment.rewind(consumer)  # type: ignore[arg-type]
    assert consumer.seeks == [("in", 0, 7)]


def test_a_seek_that_fails_is_tried_again_later() -> None:
    consumer = FakeConsumer({("in", 0): 7})
    assignment = make()
    assignment.assign(consumer, tps(0))  # type: ignore[arg-type]
    consumer.positions = {("in", 0): 9}

    def refuse() -> None:
        raise failure(KafkaError._STATE)

    consumer.on_seek = refuse
    with pytest.raises(RetryLater, match="in/0: cannot seek"):
        assignment.rewind(consumer)  # type: ignore[arg-type]


def test_after_doubt_the_brokers_say_where_to_go_on() -> None:
    consumer = FakeConsumer({("in", 0): 7})
    assignment = make()
    assignment.assign(consumer, tps(0, 1))  # type: ignore[arg-type]
    consumer.positions = {("in", 0): 9, ("in", 1): 4}
    consumer.committed_offsets = {("in", 0): 9}
    assignment.reload(consumer)  # type: ignore[arg-type]
    assignment.rewind(consumer)  # type: ignore[arg-type]
    assert consumer.seeks == [("in", 1, 0)]


def test_what_is_revoked_or_lost_is_forgotten_and_told() -> None:
    consumer = FakeConsumer({})
    told: list[Partition] = []
    assignment = make(revoked=told.extend)
    assignment.assign(consumer, tps(0, 1, 2))  # type: ignore[arg-type]
    assignment.revoke(consumer, tps(0))  # type: ignore[arg-type]
    assignment.lose(consumer, tps(1))  # type: ignore[arg-type]
    assert assignment.partitions == {("in", 2)}
    assert assignment.fresh == [("in", 2)]
    assert told == [("in", 0), ("in", 1)]
    assert offsets(consumer.assigned).keys() == {2}


def test_a_failure_while_start_offsets_are_asked_for_is_tried_again() -> None:
    consumer = FakeConsumer({("in", 0): 7})
    consumer.committed_failures = [failure(KafkaError._TIMED_OUT, retriable=True)]
    assignment = make()
    assignment.assign(consumer, tps(0))  # type: ignore[arg-type]
    assert offsets(consumer.assigned) == {0: 7}


def test_a_worker_that_stops_takes_no_partitions() -> None:
    stop = threading.Event()
    stop.set()
    consumer = FakeConsumer({})
    assignment = Assignment(stop, Trouble(logging.getLogger("test")), FunctionWorker(lambda batches: []))
    assignment.assign(consumer, tps(0))  # type: ignore[arg-type]
    assert assignment.partitions == frozenset()
