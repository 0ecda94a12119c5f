"""Where collecting goes on, by answers that no broker gives on demand: ids that come late, partitions not told of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, SCHEMA, SPEC, events
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.errors import RetryLater
from tidemill_learning.data_set.table_rows import with_topic_id
from tidemill_trainer.collect.positions import Places
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.collect.training_table import TrainingTable


@dataclass
class Brokers:
    """What brokers tell: ids of topics and the bounds of logs, to an admin client and a consumer in one."""

    ids: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: {CLEAN: 2, LABELS: 2})
    bounds: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    silent: set[tuple[str, int]] = field(default_factory=set)
    at: dict[tuple[str, int], int] = field(default_factory=dict)
    """Positions of what is assigned, from where each was begun."""
    seen: dict[tuple[str, int], int] = field(default_factory=dict)
    away: bool = False
    told: dict[str, str] = field(default_factory=dict)
    """What a question that is asked now and then has brought."""

    def of(self, topics: Iterable[str]) -> dict[str, str]:
        return {topic: self.ids.get(topic, "") for topic in topics}

    def look(self, topics: Iterable[str]) -> dict[str, str]:
        told, self.told = self.told, {}
        return told

    def list_topics(self, timeout: float) -> Any:
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        topics = {name: _Topic(range(count)) for name, count in self.counts.items()}
        return type("Metadata", (), {"topics": topics})

    def get_watermark_offsets(self, tp: TopicPartition, timeout: float) -> tuple[int, int]:
        if (tp.topic, tp.partition) in self.silent:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return self.bounds.get((tp.topic, tp.partition), (0, 0))

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        for tp in partitions:
            assert (tp.topic, tp.partition) not in self.at, "assigned twice"
            self.at[tp.topic, tp.partition] = tp.offset

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        for tp in partitions:
            del self.at[tp.topic, tp.partition]
            self.seen.pop((tp.topic, tp.partition), None)

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [
            TopicPartition(tp.topic, tp.partition, self.seen.get((tp.topic, tp.partition), -1001)) for tp in partitions
        ]


@dataclass
class _Topic:
    partitions: Iterable[int]
    error: None = None

    def __post_init__(self) -> None:
        self.partitions = list(self.partitions)


class Bench:
    """One model's places; time is what the test says."""

    def __init__(self, schemas: SchemaCatalog, folder: Path) -> None:
        self.brokers, self.now = Brokers(ids={CLEAN: "A", LABELS: "L"}), 100.0
        self.table = TrainingTable((folder / "table").as_uri(), SCHEMA, PARTS)
        topics = {CLEAN: "clean", LABELS: "labels"}
        self.model = ModelRows(SPEC, Codec(schemas), schemas, topics, self.table, SCHEMA, lambda: 0.0)
        self.places = self.places_anew()

    def places_anew(self) -> Places:
        """As after a restart."""
        self.model.ids.clear()
        self.brokers.at.clear()
        self.brokers.seen.clear()
        by_topic = dict.fromkeys(self.model.topics, self.model)
        return Places("g", by_topic, self.brokers, lambda: self.now)  # type: ignore[arg-type]

    def add(self) -> None:
        self.places.add(self.places.missing({CLEAN: 0, LABELS: 0} | self.brokers.counts))

    def go_on(self) -> None:
        """One turn that finds and takes, some time after the last."""
        self.now += 60.0
        self.places.take(self.brokers, self.places.find(self.brokers))  # type: ignore[arg-type]

    def committed(self, rows: pa.Table, ends: dict[tuple[str, int], int], topic_id: str) -> None:
        self.table.append(with_topic_id(rows, topic_id), ends, {CLEAN: topic_id})


@pytest.fixture
def bench(root: Path, tmp_path: Path) -> Bench:
    return Bench(SchemaCatalog.load(root / "schemas", {}), tmp_path)


def test_nothing_of_a_topic_is_read_before_its_id_is_told_where_brokers_tell_those_of_others(bench: Bench) -> None:
    bench.committed(events(0, 50), {(CLEAN, 0): 50}, "before")
    bench.brokers.ids = {CLEAN: "", LABELS: "L"}
    bench.brokers.bounds[CLEAN, 0] = (0, 80)
    bench.add()
    bench.go_on()
    assert bench.brokers.at.keys() == {(LABELS, 0), (LABELS, 1)}
    bench.brokers.ids[CLEAN] = "A"
    bench.go_on()
    assert bench.brokers.at[CLEAN, 0] == 0, "in the old one's place nothing of the new one would go in"
    assert bench.brokers.at[CLEAN, 1] == OFFSET_BEGINNING
    assert bench.model.ids == {CLEAN: "A", LABELS: "L"}


def test_a_start_without_brokers_is_none_until_they_have_told_where_to_begin(bench: Bench) -> None:
    bench.brokers.away = True
    for _ in range(3):
        with pytest.raises(
            RetryLater
        ):  # the first because there is no answer, others because it is not yet asked again
            bench.places.begin(bench.brokers, bench.brokers.counts)  # type: ignore[arg-type]
    bench.brokers.away = False
    bench.now += 60.0
    bench.places.begin(bench.brokers, bench.brokers.counts)  # type: ignore[arg-type]
    assert bench.brokers.at.keys() == {(CLEAN, 0), (CLEAN, 1), (LABELS, 0), (LABELS, 1)}


def test_brokers_that_tell_no_ids_are_read_nevertheless(bench: Bench) -> None:
    bench.brokers.ids = {}
    bench.table.append(events(0, 50), {(CLEAN, 0): 50})
    bench.add()
    bench.go_on()
    assert bench.brokers.at == {(CLEAN, 0): 50} | dict.fromkeys(
        [(CLEAN, 1), (LABELS, 0), (LABELS, 1)], OFFSET_BEGINNING
    )


def test_a_topic_whose_id_is_told_only_after_it_was_begun_in_the_old_one_s_place_is_begun_anew(bench: Bench) -> None:
    bench.committed(events(0, 50), {(CLEAN, 0): 50}, "before")
    bench.brokers.ids = {}
    bench.add()
    bench.go_on()
    assert bench.brokers.at[CLEAN, 0] == 50, "no broker tells any id"
    bench.brokers.ids = {CLEAN: "A", LABELS: "L"}
    bench.brokers.told = {CLEAN: "A"}
    bench.brokers.bounds[CLEAN, 0] = (0, 80)
    bench.places.note(bench.brokers, [])  # type: ignore[arg-type]
    bench.go_on()
    assert bench.brokers.at[CLEAN, 0] == 0


def test_an_end_of_the_old_topic_is_not_committed_as_one_of_the_new_while_a_partition_waits_for_its_answer(
    bench: Bench,
) -> None:
    bench.add()
    bench.go_on()
    bench.model.reach({(CLEAN, 1): 70})  # markers and records that are left out alone: nothing is to be committed
    bench.brokers.seen |= {(CLEAN, 0): 5, (CLEAN, 1): 70}
    bench.brokers.ids[CLEAN] = bench.brokers.told[CLEAN] = "B"
    bench.brokers.silent = {(CLEAN, 1)}
    bench.places.note(bench.brokers, [])  # type: ignore[arg-type]
    bench.go_on()
    assert (CLEAN, 1) not in bench.brokers.at and bench.brokers.at[CLEAN, 0] == 0
    bench.model.take(with_topic_id(events(0, 3), "B"), {(CLEAN, 0): 3})
    bench.model.reach(bench.places.positions(bench.brokers, [CLEAN]))  # type: ignore[arg-type]
    bench.model.commit()
    assert bench.table.ends({CLEAN: "B"}) == {(CLEAN, 0): 3}
    bench.brokers.silent.clear()
    bench.go_on()
    assert bench.brokers.at[CLEAN, 1] == 0


def test_a_partition_that_a_topic_has_no_more_goes_alone_and_comes_back_when_it_grows(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.add()
    bench.go_on()
    bench.brokers.seen[CLEAN, 1] = 40
    bench.model.reach({(CLEAN, 1): 40})
    bench.brokers.ids[CLEAN] = bench.brokers.told[CLEAN] = "B"
    bench.brokers.counts[CLEAN] = 1
    bench.places.note(bench.brokers, [])  # type: ignore[arg-type]
    bench.go_on()
    assert bench.brokers.at[CLEAN, 0] == 0 and (CLEAN, 1) not in bench.brokers.at
    assert f"{CLEAN}/1 is not read any more" in caplog.text
    bench.model.take(with_topic_id(events(0, 3), "B"), {(CLEAN, 0): 3})
    bench.model.commit()
    assert bench.table.ends({CLEAN: "B"}) == {(CLEAN, 0): 3}, "none of a partition that is no more"
    bench.brokers.counts[CLEAN] = 2
    bench.add()
    bench.go_on()
    assert bench.brokers.at[CLEAN, 1] == OFFSET_BEGINNING
