"""Records that were removed before they were read, topics that were deleted and made anew, and lag: all is said."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.cimpl import NewPartitions
from prometheus_client import REGISTRY

from tests.broker.runtime.harness import InMemoryWorld, World, running
from tests.support.kafka.in_memory_kafka import InMemoryConsumer, InMemoryKafka, InMemoryMessage
from tests.support.kafka.made_anew import make_anew
from tests.support.polling import until
from tidemill.kafka.client.bounded import groupless_consumer
from tidemill.kafka.client.clients import admin
from tidemill.kafka.partitions.growth import partition_counts
from tidemill.kafka.partitions.marks import Mark


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix, partitions=2)


def remove_below(world: World, offset: int) -> None:
    """As retention does, at once: of both partitions."""
    below = [TopicPartition(world.source, number, offset) for number in range(2)]
    client = admin(world.settings)  # held on to: a client that is dropped ends its requests
    for future in client.delete_records(below).values():
        future.result(30)


def marks(world: World) -> list[Mark]:
    consumer = groupless_consumer(world.settings, world.group.removeprefix(world.settings.prefix))
    try:
        found = consumer.committed([TopicPartition(world.source, n) for n in range(2)], timeout=10)
        return [Mark.parse(tp.metadata) for tp in found]
    finally:
        consumer.close()


def sample(name: str, world: World) -> float:
    return REGISTRY.get_sample_value(name, {"group": world.group, "topic": world.source}) or 0.0


def test_records_that_were_removed_before_they_were_read_are_counted_and_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.feed(0, 10)
    with running(world):
        until(lambda: len(world.written()) == 10, 60, "the first are written")
        until(lambda: set(world.lag().values()) == {0}, 60, "and committed")
    world.feed(10, 40)
    remove_below(world, 15)
    with caplog.at_level(logging.ERROR), running(world):
        until(lambda: len(world.written()) == 30, 60, "what is left is written")
        until(lambda: [mark.removed for mark in marks(world)] == [10, 10], 60, "the loss is committed")
    assert world.written() == [*range(10), *range(30, 50)]
    assert sample("tidemill_removed_unread_total", world) == 20
    said = [record.getMessage() for record in caplog.records if record.name == "tidemill.kafka.partitions.resuming"]
    said = sorted(text for text in said if "removed" in text)
    assert [text.partition(":")[0] for text in said] == [f"{world.source}/0", f"{world.source}/1"]
    assert "10 offsets, 5 to 14, were removed" in said[0]


def test_what_is_removed_while_a_topic_is_held_is_counted_too_and_losses_add_up(world: World) -> None:
    world.feed(0, 10)
    with running(world) as work:
        until(lambda: set(world.lag().values()) == {0} and len(world.written()) == 10, 60, "all is written")
        work.runner.hold_topics([world.source])
        world.feed(10, 4)
        remove_below(world, 6)
        work.runner.hold_topics([])
        until(lambda: [mark.removed for mark in marks(world)] in ([1, 1], [0, 0]), 60, "committed")
        until(lambda: {12, 13} <= set(world.written()), 60, "it goes on")
        work.runner.hold_topics([world.source])
        world.feed(14, 8)
        remove_below(world, 9)
        work.runner.hold_topics([])
        until(lambda: {20, 21} <= set(world.written()), 60, "it goes on again")
    lost = sum(mark.removed for mark in marks(world))
    assert sorted(set(world.written())) == world.written()
    assert len(world.written()) + lost == 22
    assert sample("tidemill_removed_unread_total", world) == lost


@pytest.mark.parametrize("then", [4, 60], ids=["fewer records than before", "more records than before"])
def test_a_topic_that_is_made_anew_while_it_is_read_is_read_from_its_beginning_once(
    world: World, caplog: pytest.LogCaptureFixture, then: int
) -> None:
    world.feed(0, 20)
    with caplog.at_level(logging.ERROR), running(world):
        until(lambda: len(world.written()) == 20 and set(world.lag().values()) == {0}, 60, "the old one is read")
        until(lambda: all(mark.topic_id for mark in marks(world)), 60, "its id is committed")
        make_anew(world.settings, world.source, lambda: world.create(world.source))
        until(lambda: sample("tidemill_topic_made_anew_total", world) >= 2, 60, "the new one is recognised")
        world.feed(100, then)
        until(lambda: len(world.written()) == 20 + then, 60, "the new one is read")
        until(lambda: set(world.lag().values()) == {0}, 60, "and committed")
    with running(world):
        world.feed(500, 2)
        until(lambda: 501 in world.written(), 60, "a restart goes on behind it")
    assert world.written() == [*range(20), *range(100, 100 + then), 500, 501]
    assert "deleted and made anew" in caplog.text


def test_a_topic_that_comes_back_with_fewer_partitions_is_read_without_waiting_for_the_others_and_grows_again(
    world: World,
) -> None:
    world.feed(0, 20)
    with running(world):
        until(lambda: len(world.written()) == 20 and set(world.lag().values()) == {0}, 60, "the old one is read")
        make_anew(world.settings, world.source, lambda: world.create(world.source, partitions=1))
        world.feed(100, 30, partition=0)
        until(lambda: len(world.written()) == 50, 20, "the new one is read")
        client = admin(world.settings)
        client.create_partitions([NewPartitions(world.source, 2)])[world.source].result()
        until(lambda: partition_counts(client, [world.source])[world.source] == 2, 60, "it grows")
        world.feed(200, 5, partition=1)  # fewer than were read of the old one's
        until(lambda: 204 in world.written(), 90, "and is read where it grew")
        until(lambda: set(world.lag().values()) == {0}, 60, "and committed")
    assert world.written() == [*range(20), *range(100, 130), *range(200, 205)]


def test_a_topic_that_was_made_anew_while_nobody_read_it_is_read_from_its_beginning_once(world: World) -> None:
    world.feed(0, 20)
    with running(world):
        until(lambda: len(world.written()) == 20 and set(world.lag().values()) == {0}, 60, "the old one is read")
    make_anew(world.settings, world.source, lambda: world.create(world.source))
    world.feed(100, 50)
    with running(world):
        until(lambda: set(world.lag().values()) == {0}, 60, "the new one is read")
    assert world.written() == [*range(20), *range(100, 150)]


class NotThere(InMemoryMessage):
    """What a client says when it finds that an offset is not there."""

    def error(self) -> Any:
        return KafkaError(KafkaError._AUTO_OFFSET_RESET)


class Losing(InMemoryConsumer):
    """Gives records and behind them, once, says that what comes next of their partition is not there."""

    said = False

    def consume(self, most: int, timeout: float) -> list[InMemoryMessage]:
        messages = super().consume(most, timeout)
        if messages and not self.said:
            self.said = True
            messages.append(NotThere(messages[-1].at, (None, None, None)))
        return messages


def test_records_before_an_offset_that_is_not_there_are_written_once() -> None:
    kafka = InMemoryKafka()
    world = InMemoryWorld(partitions=1, kafka=kafka)
    world.feed(0, 30)
    clients = replace(world.clients, consumer=partial(Losing, kafka))  # type: ignore[arg-type]
    with running(world, clients=clients):
        until(lambda: {*range(30)} <= {*world.written()}, 30, "all are written")
    assert world.written() == [*range(30)]


def test_lag_is_exported_as_the_offsets_left_to_read(world: World) -> None:
    world.feed(0, 30)
    with running(world) as work:
        until(lambda: len(world.written()) == 30, 60, "all is written")
        labels = {"group": world.group, "topic": world.source}
        until(lambda: REGISTRY.get_sample_value("tidemill_consumer_lag", labels) == 0.0, 60, "no lag is told")
        work.runner.subscribe([])
        until(lambda: REGISTRY.get_sample_value("tidemill_consumer_lag", labels) is None, 60, "it is told no longer")


def test_a_topic_that_is_deleted_while_it_is_read_is_said_to_be_absent_until_it_is_there_again(world: World) -> None:
    other = f"{world.settings.prefix}other"
    world.create(other)
    world.feed(0, 10, topic=other)

    def absent() -> float | None:
        return REGISTRY.get_sample_value("tidemill_topic_absent", {"topic": other})

    client = admin(world.settings)
    with running(world, topics=[world.source, other]) as work:
        until(lambda: len(world.written()) == 10, 60, "both are read")
        client.delete_topics([other])[other].result(30)
        until(lambda: absent() == 1, 90, "it is said to be absent")
        world.feed(10, 10)
        until(lambda: world.written() == list(range(20)), 60, "the other goes on")
        world.create(other)
        world.feed(20, 10, topic=other)
        until(lambda: world.written() == list(range(30)), 90, "it is read when it is there again")
        until(lambda: absent() == 0, 60, "and absent no more")
    assert work.error is None
