"""Reading without a group: to the end as it is now, whatever holes there are on the way."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import Producer
from prometheus_client import REGISTRY

from tests.broker.runtime.harness import World
from tests.support.kafka.deaf import Deaf
from tests.support.kafka.made_anew import make_anew
from tests.support.polling import until
from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.client import broadcast, hearing
from tidemill.kafka.client.bounded import groupless_consumer
from tidemill.kafka.client.broadcast import BroadcastReader
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import read_range, scan
from tidemill.kafka.client.topics import partition_counts


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix)


def open_transaction(world: World, *values: bytes) -> Producer:
    producer = Producer(
        {
            "bootstrap.servers": world.settings.kafka_bootstrap,
            "transactional.id": f"{world.settings.prefix}open",
        }
    )
    producer.init_transactions(10)
    producer.begin_transaction()
    for value in values:
        producer.produce(world.sink, value, partition=0)
    producer.flush(10)
    return producer


def test_a_scan_ends_behind_aborted_records_and_before_open_ones(world: World) -> None:
    with Publisher(world.settings) as publisher:
        publisher.publish_all([Output(world.sink, [b"1", b"2", b"3"], partitions=[0, 1, 1])])
    producer = open_transaction(world, b"4")
    assert world.written() == [1, 2, 3]
    assert world.written(uncommitted=True) == [1, 2, 3, 4]
    producer.abort_transaction(10)
    assert world.written() == [1, 2, 3]
    assert world.written(uncommitted=True) == [1, 2, 3, 4]


def test_a_scan_takes_offsets_a_time_an_end_and_partitions(world: World) -> None:
    with Publisher(world.settings) as publisher:
        publisher.publish_all([Output(world.sink, [b"%d" % n for n in range(20)], partitions=0)])
        first = next(scan(world.settings, world.sink))
        moment = int(time.time() * 1000)
        until(lambda: int(time.time() * 1000) > moment + 2, 1, "the clock has moved")
        publisher.publish(world.sink, b"20", partition=0)
        publisher.publish(world.sink, b"21", partition=1)

    def values(**more: object) -> list[int]:
        return [int(v or b"") for batch in scan(world.settings, world.sink, **more) for v in batch.values]  # type: ignore[arg-type]

    assert first.offsets == list(range(20))
    assert first.partitions == [0] * 20
    assert values(start=18) == [18, 19, 20]
    assert sorted(values(start={0: 19})) == [19, 20, 21]
    assert values(start={0: 5}, end={0: 8, 1: 0}) == [5, 6, 7]
    assert values(partitions=[1]) == [21]
    assert sorted(values(since_ms=moment + 1)) == [20, 21]
    assert values(since_ms=moment + 3_600_000) == []
    assert [len(batch) for batch in scan(world.settings, world.sink, partitions=[0], batch_size=8)] == [
        8,
        8,
        5,
    ]


def test_a_scan_says_which_topic_is_missing(world: World) -> None:
    with pytest.raises(ConfigError, match="there is no topic nowhere"):
        next(scan(world.settings, "nowhere"))


def test_a_read_towards_an_end_that_does_not_come_gives_up(world: World) -> None:
    consumer = groupless_consumer(world.settings, "stuck")
    try:
        with pytest.raises(RetryLater, match="no progress"):
            list(read_range(consumer, world.sink, {0: 0}, {0: 10}, 10, 1.0))
    finally:
        consumer.close()


def test_a_broadcast_reader_gives_every_record_once_and_knows_when_it_has_caught_up(world: World) -> None:
    with Publisher(world.settings) as publisher, BroadcastReader(world.settings, world.sink) as reader:
        assert reader.catch_up(20) == []
        publisher.publish_all([Output(world.sink, [b"1", b"2", b"3"], [b"a", b"b", b"a"], [0, 1, 0])])
        assert sorted(v for batch in reader.catch_up(20) for v in batch.values if v) == [b"1", b"2", b"3"]
        assert reader.catch_up(20) == []
        publisher.publish(world.sink, None, key=b"a", partition=0)
        found = until(lambda: reader.poll(0.2), 60, "the tombstone came")
        assert (found[0].keys, found[0].values) == ([b"a"], [None])
        open_transaction(world, b"4").abort_transaction(10)
        assert reader.catch_up(20) == []


def test_a_broadcast_reader_begins_a_topic_that_was_made_anew_at_its_first_record_and_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"{world.settings.prefix}versions"
    world.create(topic, partitions=1)
    with Publisher(world.settings) as publisher, BroadcastReader(world.settings, topic) as reader:
        publisher.publish_all([Output(topic, [b"old %d" % number for number in range(3)])])
        assert len([value for batch in reader.catch_up(20) for value in batch.values]) == 3
        make_anew(world.settings, topic, lambda: world.create(topic, partitions=1))
        new = [b"new %d" % number for number in range(8)]  # at once longer than what was read of the old one
        publisher.publish_all([Output(topic, list[bytes | None](new))])
        found: list[bytes | None] = []

        def begun() -> bool:
            found.extend(value for batch in reader.poll(0.2) for value in batch.values)
            labels = {"group": f"{world.settings.prefix}broadcast", "topic": topic}
            known = REGISTRY.get_sample_value("tidemill_topic_made_anew_total", labels)
            return known == 1 and found[-len(new) :] == new

        until(begun, 60, lambda: f"the new topic is read from its beginning, but {found}")
    assert f"{topic}: the topic was deleted and made anew: read from its beginning" in caplog.text


def test_a_broadcast_reader_waits_while_its_topic_is_not_there_and_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    topic, client = f"{world.settings.prefix}versions", admin(world.settings)
    world.create(topic, partitions=2)
    with Publisher(world.settings) as publisher, BroadcastReader(world.settings, topic) as reader:
        publisher.publish_all([Output(topic, [b"old"], partitions=[1])])
        assert [batch.values for batch in reader.catch_up(20)] == [[b"old"]]
        client.delete_topics([topic])[topic].result(30)

        def absent() -> float | None:
            assert reader.poll(0.2) == []
            return REGISTRY.get_sample_value("tidemill_topic_absent", {"topic": topic})

        until(lambda: absent() == 1, 60, "it is said to be absent")
        with pytest.raises(RetryLater):
            reader.catch_up(1)
        until(lambda: not partition_counts(client, [topic]), 60, "the topic is gone")
        world.create(topic, partitions=1)
        publisher.publish_all([Output(topic, [b"new"], partitions=[0])])
        found: list[bytes | None] = []

        def there() -> bool:
            found.extend(value for batch in reader.poll(0.2) for value in batch.values)
            return REGISTRY.get_sample_value("tidemill_topic_absent", {"topic": topic}) == 0 and bool(found)

        until(there, 60, "it is read when it is there again")
        assert set(found) == {b"new"}
    assert caplog.text.count(f"{topic} is not there any more: it is waited for") == 1


def test_a_broadcast_reader_reads_a_compacted_topic_with_an_empty_tail(world: World) -> None:
    topic = f"{world.settings.prefix}compacted"
    config = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "0",
        "max.compaction.lag.ms": "100",
    }
    world.create(topic, partitions=1, config=config)
    with Publisher(world.settings) as publisher:
        for number in range(30):
            publisher.publish(topic, b"%d" % number, key=b"k")
    with BroadcastReader(world.settings, topic) as reader:
        values = [value for batch in reader.catch_up(20) for value in batch.values]
    assert values[-1] == b"29"


def test_a_client_that_knows_no_broker_any_more_is_replaced_and_each_record_is_given_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Deaf] = []

    def make(*arguments: Any, **options: Any) -> Deaf:
        made.append(Deaf(groupless_consumer(*arguments, **options)))
        return made[-1]

    monkeypatch.setattr(broadcast, "groupless_consumer", make)
    monkeypatch.setattr(hearing, "SILENT_S", 0.0)
    with Publisher(world.settings) as publisher, BroadcastReader(world.settings, world.sink) as reader:
        publisher.publish_all([Output(world.sink, [b"1", b"2"], partitions=[0, 1])])
        assert sorted(value for batch in reader.catch_up(10) for value in batch.values) == [b"1", b"2"]
        publisher.publish_all([Output(world.sink, [b"3"], partitions=0)])
        made[0].lost = True
        with pytest.raises(RetryLater):
            reader.catch_up(10)
        assert [value for batch in reader.catch_up(10) for value in batch.values] == [b"3"]
        publisher.publish_all([Output(world.sink, [b"4"], partitions=1)])
        made[1].lost = True
        heard: list[Any] = []
        until(lambda: heard.extend(v for b in reader.poll(0.1) for v in b.values) or heard, 10, "the fourth is read")
        assert (heard, len(made)) == ([b"4"], 3)
