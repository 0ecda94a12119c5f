"""Collect and topics that are not there at its start, or come back with fewer partitions: each row goes in once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.cimpl import NewPartitions, NewTopic
from deltalake import DeltaTable

from tests.broker.trainer.world import MODEL, PARTITIONS, World
from tests.support.kafka.made_anew import make_anew
from tests.support.polling import until
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.topics import partition_counts
from tidemill.service import Heartbeat
from tidemill.service.contract import Contract
from tidemill_trainer.collect import collector, opening
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.settings import TrainerSettings


class Platform:
    """A world's model, of which topics come and go beside those of another model: these are always there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.settings = TrainerSettings(
            kafka_bootstrap=world.settings.kafka_bootstrap, prefix=world.settings.prefix, collect_every_s=0.1,
            tables=str(world.folder / "tables"), models_dir=world.folder / "models", schemas=world.folder / "schemas",
        )  # fmt: skip
        self.contract = Contract(self.settings, world.specs, world.catalog, world.schemas)
        self.topics = {role: world.catalog.name(role, MODEL) for role in collector.ROLES}
        self.clean = self.topics["clean"]
        self.client = admin(world.settings)

    def counts(self) -> dict[str, int]:
        """As `opening.topic_partitions` gives them where the topics of another model are there."""
        return dict.fromkeys(self.topics.values(), 0) | partition_counts(self.client, self.topics.values())

    def delete(self, topic: str) -> None:
        self.client.delete_topics([topic])[topic].result(30)
        until(lambda: not partition_counts(self.client, [topic]), 60, "the topic is gone")

    def create(self, topic: str, partitions: int) -> None:
        def made() -> bool:
            try:
                self.client.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
            except KafkaException:  # brokers are still about to delete it
                return bool(partition_counts(self.client, [topic]))
            return False

        until(made, 60, "the topic is there")

    def push(self, first: int, partitions: Mapping[int, int]) -> None:
        """Events `e<first>` and on: so many to each of these partitions of clean."""
        numbers = [number for number, count in partitions.items() for _ in range(count)]
        record = self.world.schemas.record(MODEL)
        values: list[bytes | None] = [
            self.world.codec.encode_one(
                {"event_id": f"e{first + k}", "seen_at": 1_700_000_000_000, "gauge": None, "wind": 1.0}, record
            )
            for k in range(len(numbers))
        ]
        with Publisher(self.world.settings) as publisher:  # one that knows the topic as it is now
            publisher.publish_all([Output(self.clean, values, None, numbers)])

    @contextmanager
    def collecting(self) -> Iterator[ModelRows]:
        rows = opening.model_rows(self.settings, self.world.specs[MODEL], self.contract, self.counts())
        stop = threading.Event()
        context = collector.CollectorContext(
            settings=self.settings, group="collect", models=[rows], partitions=self.counts(),
            after_commit=lambda model: None, stop=stop, heartbeat=Heartbeat(60), count=self.counts,
        )  # fmt: skip
        collecting = collector.Collector(context)
        thread = threading.Thread(target=collecting.run)
        thread.start()
        try:
            until(lambda: collecting.assigned, 60, "it collects")
            yield rows
        finally:
            stop.set()
            thread.join(60)
        assert not thread.is_alive()

    def table(self) -> DeltaTable:
        return DeltaTable(f"{self.settings.tables}/{self.settings.prefix}{MODEL}")

    def collected(self) -> list[int]:
        """Numbers of the events in the table, in order."""
        ids = self.table().to_pyarrow_dataset().to_table(columns=["_event_id"]).column("_event_id")
        return sorted(int(event_id.removeprefix("e")) for event_id in ids.to_pylist())


@pytest.fixture
def platform(world: World, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setattr(collector, "COUNT_EVERY_S", 0.3)
    return Platform(world)


def test_rows_of_a_topic_that_was_absent_at_the_start_are_collected_once_though_the_table_has_one_of_its_name(
    platform: Platform,
) -> None:
    platform.push(0, {0: 50, 1: 10})
    with platform.collecting():
        until(lambda: len(platform.collected()) == 60, 60, "the first topic is collected")
    platform.delete(platform.clean)
    with platform.collecting():
        platform.create(platform.clean, PARTITIONS)
        platform.push(1_000, {0: 30})  # all below the old one's end
        platform.push(2_000, {0: 40, 1: 20})  # some behind it
        expected = [*range(60), *range(1_000, 1_030), *range(2_000, 2_060)]
        until(lambda: 2_059 in platform.collected(), 60, "the second topic is collected")
        until(lambda: platform.collected() == expected, 20, lambda: f"all of it: {platform.collected()}")

        make_anew(platform.world.settings, platform.clean, partial(platform.create, platform.clean, PARTITIONS))
        platform.push(3_000, {0: 5, 1: 5})
        expected += range(3_000, 3_010)
        until(lambda: platform.collected() == expected, 60, "a third one is known by its id")
    with platform.collecting():
        platform.push(4_000, {0: 1, 1: 1})
        until(lambda: {4_000, 4_001} <= {*platform.collected()}, 60, "a restart goes on")
    assert platform.collected() == [*expected, 4_000, 4_001]


def test_a_topic_that_comes_back_with_fewer_partitions_is_collected_and_so_are_those_that_it_grows_to(
    platform: Platform,
) -> None:
    platform.delete(platform.clean)
    platform.create(platform.clean, 4)
    platform.push(0, dict.fromkeys(range(4), 20))
    with platform.collecting() as rows:
        until(lambda: len(platform.collected()) == 80, 60, "the first topic is collected")
        make_anew(platform.world.settings, platform.clean, partial(platform.create, platform.clean, 2))
        platform.push(1_000, {0: 15, 1: 15})
        expected = [*range(80), *range(1_000, 1_030)]
        until(lambda: platform.collected() == expected, 60, lambda: f"the second topic: {platform.collected()}")

        platform.client.create_partitions([NewPartitions(platform.clean, 3)])[platform.clean].result()
        until(lambda: partition_counts(platform.client, [platform.clean])[platform.clean] == 3, 60, "it grows")
        platform.push(2_000, {2: 8})
        expected += range(2_000, 2_008)
        until(lambda: platform.collected() == expected, 60, lambda: f"what it grew to: {platform.collected()}")
        assert rows.table.end((platform.clean, 2), rows.ids[platform.clean]) == 8


def test_while_a_topic_is_gone_others_are_collected_with_no_more_commits_than_they_ask_for(platform: Platform) -> None:
    platform.push(0, {0: 5})
    with platform.collecting() as rows:
        until(lambda: len(platform.collected()) == 5, 60, "it is collected")
        labels = platform.topics["labels"]
        platform.delete(labels)
        platform.create(labels, PARTITIONS)
        platform.delete(labels)  # known to be another one, and gone again
        before = rows.table.version
        platform.push(100, {0: 300, 1: 300})
        until(lambda: len(platform.collected()) == 605, 60, "clean is collected meanwhile")
        assert platform.table().version() - before <= 5
        platform.create(labels, PARTITIONS)
        platform.world.push_labels(0, 7)
        until(lambda: rows.committed.labels == 7, 60, "labels go on")
