"""The writers: acknowledged means stored, one writer at a time, failures are raised."""

from __future__ import annotations

import os

import pytest

from tests.broker.runtime.harness import World
from tidemill.errors import FatalError, Fenced
from tidemill.kafka.batch import Output
from tidemill.kafka.client.publisher import ExclusiveWriter, Publisher
from tidemill.kafka.client.scan import scan


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix)


def test_what_is_published_is_stored_with_key_headers_and_partition(world: World) -> None:
    with Publisher(world.settings) as publisher:
        publisher.publish(world.sink, b"v", key=b"k", partition=2, headers=[("a", b"1"), ("a", None)])
        (batch,) = list(scan(world.settings, world.sink))
    assert (batch.partitions, batch.keys, batch.values) == ([2], [b"k"], [b"v"])
    assert batch.headers == [[("a", b"1"), ("a", None)]]


def test_a_key_goes_to_the_partition_that_java_clients_choose(world: World) -> None:
    with Publisher(world.settings) as publisher:
        publisher.publish_all([Output(world.sink, [b""] * 4, [b"21", b"foobar", b"a-little-bit-long-string", b"abc"])])
        found = {
            key: partition
            for batch in scan(world.settings, world.sink)
            for key, partition in zip(batch.keys, batch.partitions, strict=True)
        }
    # murmur2 of these keys, from Apache Kafka's own UtilsTest, made positive, modulo 4
    hashes = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"abc": 479470107,
    }
    assert found == {key: (value & 0x7FFFFFFF) % 4 for key, value in hashes.items()}


@pytest.fixture
def narrow(world: World) -> str:
    """A topic for small records only."""
    topic = f"{world.settings.prefix}narrow"
    world.create(topic, config={"max.message.bytes": "1000"})
    return topic


def test_a_record_that_the_brokers_never_take_is_an_error_and_the_next_one_is_written(
    world: World, narrow: str
) -> None:
    with Publisher(world.settings) as publisher:
        with pytest.raises(FatalError, match="can never be written"):
            publisher.publish(narrow, os.urandom(2_000), partition=0)
        publisher.publish(narrow, b"1", partition=0)
    assert [batch.values for batch in scan(world.settings, narrow)] == [[b"1"]]


def test_opening_an_exclusive_writer_fences_the_one_before(world: World) -> None:
    name = f"{world.settings.prefix}writer"
    with ExclusiveWriter(world.settings, name) as old, ExclusiveWriter(world.settings, name) as new:
        old.open()
        old.write([Output(world.sink, [b"1"]), Output(world.source, [b"1"])])
        new.open()
        with pytest.raises(Fenced):
            old.write([Output(world.sink, [b"2"])])
        assert not old.is_open
        new.write([Output(world.sink, [b"3"])])
    assert world.written() == [1, 3]
    assert world.written(uncommitted=True) == [1, 3]


def test_a_transaction_with_a_record_that_the_brokers_never_take_is_aborted_and_fatal(
    world: World, narrow: str
) -> None:
    with ExclusiveWriter(world.settings, f"{world.settings.prefix}writer") as writer:
        writer.open()
        with pytest.raises(FatalError, match="can never be written"):
            writer.write([Output(world.sink, [b"1"]), Output(narrow, [os.urandom(2_000)])])
        writer.open()
        writer.write([Output(world.sink, [b"2"])])
    assert world.written() == [2]
