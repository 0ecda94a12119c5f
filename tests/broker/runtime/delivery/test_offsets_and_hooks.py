"""Where a worker begins, what it commits, and what it tells its service."""

from __future__ import annotations

import threading
import time

import pytest
from confluent_kafka import Producer

from tests.broker.runtime.harness import World, running
from tests.support.kafka.workers import passing_to
from tests.support.polling import until
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.service import Health


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix)


def transactional_feeder(world: World) -> Producer:
    producer = Producer(
        {
            "bootstrap.servers": world.settings.kafka_bootstrap,
            "transactional.id": f"{world.settings.prefix}feeder",
        }
    )
    producer.init_transactions(10)
    return producer


def test_an_idle_group_has_a_lag_of_exactly_zero_markers_and_aborted_records_included(world: World) -> None:
    feeder = transactional_feeder(world)
    with running(world):
        for round_number in range(3):
            feeder.begin_transaction()
            for partition in range(4):
                feeder.produce(world.source, b"%d" % (4 * round_number + partition), partition=partition)
            feeder.commit_transaction(10)
        until(lambda: len(world.written()) == 12, 60, "committed records written")
        until(lambda: set(world.lag().values()) == {0}, 60, "the lag is 0, markers counted")
        feeder.begin_transaction()
        feeder.produce(world.source, b"99", partition=0)
        feeder.flush()
        feeder.abort_transaction(10)
        until(lambda: set(world.lag().values()) == {0}, 60, "the lag is 0 behind an aborted tail")
    assert world.written() == list(range(12))


def test_partitions_without_committed_offset_begin_where_the_hook_says_and_others_where_they_stood(
    world: World,
) -> None:
    world.feed(0, 40)
    asked: list[list[Partition]] = []

    def from_the_fifth(partitions: list[Partition]) -> dict[Partition, int]:
        asked.append(partitions)
        return {partition: 5 for partition in partitions if partition[1] != 3}

    with running(world, start_offsets=from_the_fifth):
        until(lambda: len(world.written()) == 25, 60, "records from the start offsets on")
        until(lambda: set(world.lag().values()) == {0}, 60, "the lag is 0")
    skipped = {number for number in range(20) if number % 4 != 3}
    assert world.written() == sorted(set(range(40)) - skipped)

    with running(world, start_offsets=from_the_fifth):
        world.feed(40, 4)
        until(lambda: len(world.written()) == 29, 60, "it goes on from what is committed")
    assert [sorted(partitions) for partitions in asked] == [[(world.source, number) for number in range(4)]]


def test_start_offsets_of_empty_partitions_are_committed_so_that_nothing_is_without_an_offset(
    world: World,
) -> None:
    with running(world):
        until(lambda: set(world.lag().values()) == {0}, 60, "every partition has a committed offset")


def test_new_partitions_are_told_before_their_first_batch_even_where_that_must_be_tried_again(
    world: World,
) -> None:
    story: list[str] = []

    def greet(partitions: list[Partition]) -> None:
        story.append(f"assigned {len(partitions)}")
        if len(story) < 3:
            raise RetryLater("model-versions are not read yet", delay_s=0.1)

    def process(batches: list[Batch]) -> list[Output]:
        story.append("batch")
        return passing_to(world.sink)(batches)

    world.feed(0, 8)
    with running(world, process=process, assigned=greet, before_batch=lambda: story.append("before")):
        until(lambda: len(world.written()) == 8, 60, "all written")
    assert story[:3] == ["assigned 4"] * 3
    assert story[3:5] == ["before", "batch"]


def test_topics_can_be_changed_while_the_worker_runs(world: World) -> None:
    other = f"{world.settings.prefix}other"
    world.create(other)
    world.feed(0, 8)
    health = Health()
    revoked: list[Partition] = []
    with running(world, topics=[], health=health, revoked=revoked.extend) as work:
        until(lambda: health.ready().ok, 60, "idle without topics is ready")
        assert work.runner.assigned == frozenset()
        work.runner.subscribe([world.source])
        until(lambda: len(world.written()) == 8, 60, "records of the first topic written")
        work.runner.subscribe([world.source, other])
        until(lambda: len(work.runner.assigned) == 8, 60, "both topics assigned")
        assert revoked == [], "partitions that stay are not taken away in between"
        work.runner.subscribe([other])
        until(lambda: {topic for topic, _ in work.runner.assigned} == {other}, 60, "the first topic given up")
        assert {topic for topic, _ in revoked} == {world.source}
        work.runner.subscribe([])
        until(lambda: not work.runner.assigned, 60, "the group is left")
        assert health.live().ok


def test_a_topic_that_is_created_later_is_found(world: World) -> None:
    late = f"{world.settings.prefix}late"
    health = Health()
    with running(world, topics=[late], health=health) as work:
        until(lambda: "kafka" in health.ready().reasons, 60, "it says that the topic is missing")
        world.create(late)
        until(lambda: len(work.runner.assigned) == 4, 60, "it has the new topic")
        assert work.error is None


def test_a_worker_stops_quickly_also_while_it_waits(world: World) -> None:
    def never(batches: list[Batch]) -> list[Output]:
        raise RetryLater("never", delay_s=600)

    called = threading.Event()
    world.feed(0, 4)
    with running(world, process=lambda batches: (called.set(), never(batches))) as work:
        until(called.is_set, 60, "it waits")
        began = time.monotonic()
        work.end()
        assert time.monotonic() - began < 20
        assert work.error is None
