"""Requests, runs and commands on topics that were deleted and made anew are read from the first one, and it is said."""

from __future__ import annotations

import logging
from functools import partial

import pytest
from confluent_kafka import Message, TopicPartition
from confluent_kafka.cimpl import NewPartitions, NewTopic
from prometheus_client import REGISTRY

from tests.support.kafka.made_anew import make_anew
from tests.support.polling import until
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.client.bounded import groupless_consumer
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import ExclusiveWriter, Publisher
from tidemill.kafka.partitions.growth import partition_counts
from tidemill.settings import KafkaSettings
from tidemill_trainer.release.topic_reader import TopicReader


class Requests:
    """A topic of one partition, or of some, and one reader after another in a group."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self.settings = KafkaSettings(kafka_bootstrap=kafka, prefix=prefix)
        self.topic, self.group = f"{prefix}requests", f"{prefix}readers"
        self.client = admin(self.settings)
        self.create()

    def create(self, partitions: int = 1) -> None:
        self.client.create_topics([NewTopic(self.topic, partitions, 1)])[self.topic].result(30)

    def make_anew(self, partitions: int = 1) -> None:
        make_anew(self.settings, self.topic, partial(self.create, partitions))

    def grow(self, partitions: int) -> None:
        self.client.create_partitions([NewPartitions(self.topic, partitions)])[self.topic].result(30)
        until(lambda: partition_counts(self.client, [self.topic])[self.topic] == partitions, 60, "it has grown")

    def push(self, first: int, count: int, partition: int = 0) -> None:
        values: list[bytes | None] = [b"%d" % number for number in range(first, first + count)]
        with Publisher(self.settings) as publisher:
            publisher.publish_all([Output(self.topic, values, None, partition)])

    def reader(self, partitions: int = 1) -> TopicReader:
        return TopicReader(self.settings, self.group, {self.topic: partitions})

    def found_anew(self) -> float:
        labels = {"group": self.group, "topic": self.topic}
        return REGISTRY.get_sample_value("tidemill_topic_made_anew_total", labels) or 0.0


@pytest.fixture
def requests(kafka: str, prefix: str) -> Requests:
    return Requests(kafka, prefix)


def polled(reader: TopicReader) -> list[Message]:
    """What comes within a moment; nothing where brokers want to be asked again."""
    try:
        return reader.poll(0.2)
    except RetryLater:
        return []


def take(reader: TopicReader, into: list[int], upto: int) -> None:
    """Read and commit until the record `upto` has come."""

    def read() -> bool:
        for message in polled(reader):
            into.append(int(message.value() or b""))
            reader.commit(message)
        return upto in into

    until(read, 60, lambda: f"{upto} is read, after {into}")


def test_a_topic_made_anew_is_read_from_its_first_record_while_it_is_read_and_where_nobody_read_it(
    requests: Requests, caplog: pytest.LogCaptureFixture
) -> None:
    requests.push(0, 5)
    found: list[int] = []
    reader = requests.reader()
    take(reader, found, 4)
    requests.make_anew()
    with caplog.at_level(logging.ERROR):
        until(lambda: not polled(reader) and requests.found_anew() == 1, 60, "it is recognised")
    assert f"{requests.topic}/0: the topic was deleted and made anew: begun at its first offset, 0" in caplog.text
    requests.push(100, 8)
    take(reader, found, 107)
    reader.close()

    requests.make_anew()
    requests.push(200, 12)
    reader = requests.reader()
    take(reader, found, 211)
    reader.close()
    reader = requests.reader()
    requests.push(300, 1)
    take(reader, found, 300)
    reader.close()
    assert found == [*range(5), *range(100, 108), *range(200, 212), 300]
    assert requests.found_anew() == 1, "nobody knew the old one: brokers forget places in what is deleted"


def test_a_partition_that_a_topic_made_anew_has_no_more_holds_up_no_other_and_is_said_once(requests: Requests) -> None:
    requests.grow(2)
    requests.push(0, 5)
    requests.push(10, 5, partition=1)
    found: list[int] = []
    reader = requests.reader(2)
    try:
        take(reader, found, 4)
        take(reader, found, 14)
        requests.make_anew(1)
        requests.push(100, 3)
        take(reader, found, 102)
        assert requests.found_anew() == 1
        requests.grow(2)
        requests.push(200, 8, partition=1)
        take(reader, found, 207)
    finally:
        reader.close()
    assert sorted(found) == [*range(5), *range(10, 15), *range(100, 103), *range(200, 208)]
    assert requests.found_anew() == 2, "once for each partition"


class Losing:
    """Stands for `Hearing`: says that a client is lost when the test does. (librdkafka loses its brokers in a race.)"""

    def __init__(self, *arguments: object) -> None:
        self.lose = False
        self.asked: list[object] = []

    def heard(self) -> None:
        return

    def lost(self, client: object) -> bool:
        if not any(client is known for known in self.asked):
            self.asked.append(client)
        lose, self.lose = self.lose, False
        return lose


def test_a_reader_whose_client_is_lost_goes_on_with_another_one(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearing = Losing()
    monkeypatch.setattr("tidemill_trainer.release.topic_reader.Hearing", lambda *arguments: hearing)
    reader = requests.reader()
    found: list[int] = []
    try:
        requests.push(0, 2)
        take(reader, found, 1)
        hearing.lose = True
        requests.push(2, 2)
        take(reader, found, 3)
        assert (found, len(hearing.asked)) == ([0, 1, 2, 3], 2)
    finally:
        reader.close()


def test_a_reader_that_is_idle_has_a_lag_of_zero_behind_a_transaction(requests: Requests) -> None:
    reader, found = requests.reader(), list[int]()
    group = groupless_consumer(requests.settings, "readers", isolation_level="read_uncommitted")

    def lag() -> int:
        polled(reader)
        place = group.committed([TopicPartition(requests.topic, 0)], timeout=10)[0]
        return int(group.get_watermark_offsets(place, timeout=10)[1] - place.offset)

    try:
        with ExclusiveWriter(requests.settings, f"{requests.settings.prefix}writer") as writer:
            writer.open()
            writer.write([Output(requests.topic, [b"0", b"1"], None, 0)])
        take(reader, found, 1)
        until(lambda: lag() == 0, 30, "nothing is behind")
        requests.push(2, 1)
        take(reader, found, 2)
        assert found == [0, 1, 2]
    finally:
        reader.close()
        group.close()
