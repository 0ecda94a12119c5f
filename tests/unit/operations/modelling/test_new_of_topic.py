"""A model file from records of a topic: the same guesses as from a file, and where the events come from."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest

from tests.unit.core.sources.support import FakeRegistry
from tidemill.codec.framing import confluent_header
from tidemill.codec.registry.client import Entry
from tidemill.contracts.model_file.load import parse_model
from tidemill_operations.errors import NotPossible
from tidemill_operations.modelling.new_model import NewModel, new_model
from tidemill_operations.modelling.roles import Asked
from tidemill_operations.modelling.topic_sample import TopicSample, plain, written
from tidemill_operations.push.files.choices import Choices

ROWS = 300
SCHEMA = {
    "type": "record", "name": "Order", "fields": [
        {"name": "order_id", "type": "string"},
        {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "customer", "type": "string"},
        {"name": "amount", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}]},
        {"name": "fraud", "type": "boolean"},
    ],
}  # fmt: skip


def order(i: int) -> dict[str, Any]:
    return {
        "order_id": f"o{i}",
        "placed_at": datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=i),
        "customer": f"c{i % 40}",
        "amount": Decimal(i * 37 % 101) + Decimal("0.10"),
        "fraud": i * 7919 % 11 < 3,
    }


def as_json(i: int) -> bytes:
    return json.dumps({name: plain(value) for name, value in order(i).items()}).encode()


def as_avro(i: int) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), order(i))
    return confluent_header(7) + out.getvalue()


def registry() -> FakeRegistry:
    return FakeRegistry({7: Entry("AVRO", json.dumps(SCHEMA))})


def sampled(folder: Path, values: list[bytes | None], known: FakeRegistry | None = None) -> TopicSample:
    return written("shop.orders", iter(values), known, folder)


def made(sample: TopicSample, **asked: str) -> NewModel:
    return new_model(sample.file, Asked(**{"label": "fraud", **asked}), "orders", Choices(), "", sample)


@pytest.mark.parametrize(("form", "value"), [("json", as_json), ("avro", as_avro)])
def test_records_of_both_formats_are_told_as_rows_of_a_file_are(
    form: str, value: Callable[[int], bytes], tmp_path: Path
) -> None:
    sample = sampled(tmp_path, [value(i) for i in range(ROWS)], registry())
    assert (sample.format, sample.records, sample.unreadable) == (form, ROWS, 0)
    new = made(sample)
    spec = parse_model(Path("orders.yaml"), new.model_file)
    assert (spec.event_id, spec.event_time, spec.entity) == ("order_id", "placed_at", "customer")
    assert spec.target.task == "binary"
    assert {feature.name: feature.kind for feature in spec.features} == {"placed_at": "time", "amount": "number"}
    assert spec.events is not None and (spec.events.topic, spec.events.format) == ("shop.orders", form)
    assert "From the newest 300 records of the topic shop.orders" in new.model_file
    same = new_model(sample.file, Asked("fraud"), "orders", Choices())
    assert new.record == same.record and same.model_file.count("source:") == 0


def test_what_a_record_does_not_say_is_taken_from_the_topic(tmp_path: Path) -> None:
    rows = [json.dumps({"amount": i * 37 % 101 + 0.5, "kind": "abc"[i % 3], "fraud": i % 3 == 0}) for i in range(ROWS)]
    new = made(sampled(tmp_path, [row.encode() for row in rows]), event_time="record")
    spec = parse_model(Path("orders.yaml"), new.model_file)
    assert spec.events is not None
    assert (spec.events.event_id, spec.events.event_time) == ("coordinates", "record")


def test_names_that_avro_does_not_take_and_units_of_times_stand_in_the_source(tmp_path: Path) -> None:
    start = 1_790_000_000
    rows = [json.dumps({"order_id": f"o{i}", "placed_at": start + 60 * i, "total-amount": i % 101 + 0.5,
                        "fraud": i * 7919 % 11 < 3}) for i in range(ROWS)]  # fmt: skip
    sample = sampled(tmp_path, [row.encode() for row in rows])
    new = new_model(sample.file, Asked("fraud"), "orders", Choices(time_unit="s"), "", sample)
    spec = parse_model(Path("orders.yaml"), new.model_file)
    assert spec.events is not None
    assert [path.path for path in spec.events.fields.values()] == [("total-amount",)]
    assert "event_time: {path: placed_at, unit: s}" in new.model_file


def test_tombstones_are_no_rows_and_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    sample = sampled(tmp_path, [None, as_json(1), b"{", as_json(2)])
    assert (sample.records, sample.unreadable) == (2, 1) and "not JSON" in sample.problem


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "no records of shop.orders to learn from: it has none"),
        ([b"no", b"[1]"], "none of its 2 newest can be read: not JSON"),
        ([as_avro(1)], "TIDEMILL_SCHEMA_REGISTRY_URL"),
        ([json.dumps({"before": None, "after": {}, "op": "c"}).encode()], "format: debezium"),
        (
            [json.dumps({"schema": None, "payload": {"before": None, "after": {}, "op": "c"}}).encode()],
            "docs/sources.md",
        ),
    ],
)
def test_what_is_nothing_to_learn_from_is_refused_with_the_cure(
    values: list[bytes | None], said: str, tmp_path: Path
) -> None:
    with pytest.raises(NotPossible, match=said):
        sampled(tmp_path, values)


def test_values_are_what_a_source_takes_them_for() -> None:
    assert [plain(Decimal(text)) for text in ("0.1", "12.00", "9007199254740993", "NaN")] == [0.1, 12, 2**53 + 1, None]
    assert plain([float("nan"), b"x", 2**60, True, {"a": None}]) == [None, None, 2**60, True, {"a": None}]
