"""Batches of framed records to profiles, without a broker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Batch
from tidemill_drift.adapters.committed import place_of, to_commit
from tidemill_drift.profiling import Profiling
from tidemill_learning.drift.profiling.windows import LabelCounts, Place, RestPlace

MODEL = "flight-delay"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MODEL_FILE = """
model: flight-delay
schema: flight-delay.avsc
entity: tail_number
event_time: scheduled_at
target: {label: late, task: binary}
features: {carrier: category, distance: number, scheduled_at: {time: [hour], zone: UTC}}
training: {first_after: 100, metric: roc_auc, candidates: [logistic_regression]}
drift: {window: 10}
"""


class Bench:
    """A `Profiling` and the means to make records for it."""

    def __init__(self, root: Path, folder: Path) -> None:
        (folder / "flight-delay.yaml").write_text(MODEL_FILE)
        self.specs: dict[str, ModelSpec] = load_models(folder)
        self.schemas = SchemaCatalog.load(root / "schemas", self.specs)
        self.topics = TopicCatalog.load(root / "schemas")
        self.codec = Codec(self.schemas)
        self.profiling = self.new()

    def new(self) -> Profiling:
        return Profiling(self.specs.values(), self.topics, self.schemas, self.codec)

    def clean(self, places: list[tuple[int, int]], spoil: int | None = None) -> Batch:
        """Records at (partition, offset); the one at place `spoil` is not Avro."""
        schema = self.schemas.record(MODEL)
        rows = [dict.fromkeys(schema.field_names) for _ in places]
        for row, (partition, offset) in zip(rows, places, strict=True):
            row |= {
                "event_id": f"{partition}-{offset}",
                "scheduled_at": offset * 1000,
                "carrier": "UA",
                "distance": 1.0 + offset,
            }  # type: ignore[dict-item]
        values: list[bytes | None] = [self.codec.encode_one(row, schema) for row in rows]
        if spoil is not None:
            values[spoil] = b"not avro"
        count = len(places)
        return Batch(
            self.topics.name("clean", MODEL), [p for p, _ in places], [o for _, o in places], [2**50] * count,
            [None] * count, values, [None] * count,
        )  # fmt: skip

    def asked(self, places: list[tuple[int, int]], spoil: int | None = None) -> Batch:
        """REST predictions at (partition, offset) with their inputs; that at place `spoil` is not Avro."""
        record, schema = self.schemas.record(MODEL), self.schemas.prediction(MODEL)
        values: list[bytes | None] = []
        for number, (partition, offset) in enumerate(places):
            given = {"event_id": f"{partition}-{offset}", "scheduled_at": offset * 1000, "carrier": "UA"}
            datum = {**dict.fromkeys(record.field_names), **given, "distance": 1.0 + offset}
            row = dict.fromkeys(schema.field_names) | {
                "prediction_id": f"p{offset}", "event_id": given["event_id"], "model": MODEL, "source": "rest",
                "event_time": offset * 1000, "predicted_at": 0, "version": 1, "epoch": 1, "arm": "champion",
                "probability": 0.25, "input": b"?" if number == spoil else self.codec.encode_one(datum, record),
            }  # fmt: skip
            values.append(self.codec.encode_one(row, schema))
        count = len(places)
        return Batch(
            self.topics.name("predictions", MODEL), [p for p, _ in places], [o for _, o in places], [2**50] * count,
            [None] * count, values, [[("traceparent", TRACE)] if k == 0 else None for k in range(count)],
        )  # fmt: skip

    def labels(self, events: list[tuple[int, int]], after_ms: int, first: int = 0) -> Batch:
        """Labels of the events at (partition, offset), known so long after them, at offsets from `first` on."""
        schema = self.schemas.label(MODEL)
        rows = [
            {
                "event_id": f"{partition}-{at}",
                "label": True,
                "event_time": at * 1000,
                "observed_at": at * 1000 + after_ms,
            }
            for partition, at in events
        ]
        values: list[bytes | None] = [self.codec.encode_one(row, schema) for row in rows]
        count = len(events)
        return Batch(
            self.topics.name("labels", MODEL), [p for p, _ in events], [first + k for k in range(count)],
            [2**50] * count, [None] * count, values, [None] * count,
        )  # fmt: skip


@pytest.fixture
def bench(root: Path, tmp_path: Path) -> Iterator[Bench]:
    yield Bench(root, tmp_path)


def test_partitions_of_one_batch_are_folded_apart(bench: Bench) -> None:
    profiles = bench.profiling.fold(bench.clean([(p, o) for o in range(25) for p in (0, 3)]))
    assert [(p.partition, p.window, p.records) for p in profiles] == [
        (0, 0, 10),
        (0, 1, 10),
        (3, 0, 10),
        (3, 1, 10),
    ]


def test_what_cannot_be_read_is_left_out(bench: Bench) -> None:
    profiles = bench.profiling.fold(bench.clean([(0, o) for o in range(12)], spoil=4))
    assert [p.records for p in profiles] == [9]


def test_profiles_are_written_under_the_model_and_read_back_the_same(bench: Bench) -> None:
    profiles = bench.profiling.fold(bench.clean([(0, o) for o in range(12)]))
    keys, values = bench.profiling.encode(profiles)
    assert keys == [MODEL.encode()]
    assert bench.codec.decode_one(values[0], bench.schemas.platform("profile")) == profiles[0].to_dict()


def test_the_same_window_is_the_same_to_the_byte_in_any_batches(bench: Bench) -> None:
    _, whole = bench.profiling.encode(bench.profiling.fold(bench.clean([(0, o) for o in range(12)])))
    other, parts = bench.new(), []  # type: ignore[var-annotated]
    for start in (0, 5, 9):
        end = {0: 5, 5: 9, 9: 12}[start]
        parts += other.encode(other.fold(bench.clean([(0, o) for o in range(start, end)])))[1]
    assert parts == whole


def test_committed_places_rebuild_what_was_open(bench: Bench) -> None:
    bench.profiling.fold(bench.clean([(1, o) for o in range(13)]))
    bench.profiling.fold(bench.clean([(1, o) for o in range(13, 17)]))
    places: dict[Any, Place] = bench.profiling.places()
    topic = bench.topics.name("clean", MODEL)
    assert places[topic, 1].offset <= 10
    again = bench.new()
    again.assign(places)
    (profile,) = again.fold(bench.clean([(1, o) for o in range(places[topic, 1].offset, 21)]))
    assert (profile.window, profile.first_offset, profile.records) == (1, 10, 10)


def test_topics_of_every_role_are_read_and_a_seal_can_be_written(bench: Bench) -> None:
    assert len(bench.profiling.topics) == 3
    (seal,) = bench.profiling.seals(bench.topics.name("labels", MODEL), 2)
    assert (seal.kind, seal.sealed) == ("quality", True)
    bench.profiling.encode([seal])


def test_dropped_partitions_are_forgotten(bench: Bench) -> None:
    bench.profiling.fold(bench.clean([(1, 0)]))
    bench.profiling.drop()
    assert bench.profiling.places() == {}


def test_inputs_that_rest_predictions_carry_are_profiled_as_features(bench: Bench) -> None:
    profiles = bench.profiling.fold(bench.asked([(p, o) for o in range(12) for p in (1, 2)], spoil=6))
    assert [(p.partition, p.kind, p.source, p.records) for p in profiles] == [
        (1, "features", "rest", 9),
        (1, "predictions", "rest", 10),
        (2, "features", "rest", 10),
        (2, "predictions", "rest", 10),
    ]
    carrier = next(f for f in profiles[0].features if f.name == "carrier")
    assert carrier.categories == {"UA": 9}


def test_sampled_records_are_linked_to_the_profiles_that_they_are_in(bench: Bench) -> None:
    profiles = bench.profiling.fold(bench.asked([(p, o) for o in range(12) for p in (1, 2)]))
    assert [bench.profiling.links(profile) for profile in profiles] == [[TRACE], [TRACE], [], []]
    assert bench.profiling.links(profiles[0]) == [], "given once"


def test_what_is_committed_of_a_log_is_read_back_the_same() -> None:
    rest = RestPlace(5, 6, 7, 8, 9, 10)
    for place in (Place(3, 4, 5), Place(3, 4, 5, LabelCounts(9, 8, 1, (2, 3)), rest)):
        (committed,) = to_commit({("topic", 1): place}, {})
        assert place_of(committed) == place


def test_profiles_of_a_topic_made_anew_name_it_and_have_ids_of_their_own(bench: Bench) -> None:
    (old,) = bench.profiling.fold(bench.clean([(1, o) for o in range(11)]))
    topic, again = bench.topics.name("clean", MODEL), bench.new()
    again.assign({(topic, 1): Place()}, {(topic, 1): "second"})
    (new,) = again.fold(bench.clean([(1, o) for o in range(11)]))
    assert (old.topic_id, new.topic_id, old.window, new.window) == (None, "second", 0, 0)
    assert new == replace(old, profile_id=new.profile_id, topic_id="second")
    assert new.profile_id != old.profile_id
    (_, value), schema = again.encode([new]), bench.schemas.platform("profile")
    assert bench.codec.decode_one(value[0], schema)["topic_id"] == "second"


def test_how_long_labels_took_is_counted_once_for_each_prediction(bench: Bench) -> None:
    def taken() -> tuple[float, float]:
        labels = {"model": MODEL, "source": "rest"}
        name = "tidemill_drift_label_delay_seconds"
        return tuple(REGISTRY.get_sample_value(f"{name}_{part}", labels) or 0.0 for part in ("count", "sum"))  # type: ignore[return-value]

    before = taken()
    bench.profiling.fold(bench.asked([(0, offset) for offset in range(4)]))
    bench.profiling.fold(bench.labels([(0, offset) for offset in range(3)], after_ms=90_000))
    bench.profiling.fold(bench.labels([(0, offset) for offset in range(1, 3)], after_ms=95_000, first=3))
    count, seconds = taken()
    assert (count - before[0], seconds - before[1]) == (3, 270.0)
