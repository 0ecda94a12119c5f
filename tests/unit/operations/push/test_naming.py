"""Which columns of a file become ids, labels and keys; what is refused before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.support.orders import orders
from tidemill.codec import Codec
from tidemill_operations.push.files.reading import read_chunks
from tidemill_operations.push.naming import no_entity, no_id, roles_of
from tidemill_operations.push.records import Encoded, RecordMaker, RowOptions

AT = "2026-11-01T10:00:00Z"
LABEL = {"event_id": "o1", "label": True, "event_time": AT, "observed_at": AT, "customer": "c1"}


class Desk:
    """Makes records of one file's rows, written as CSV, JSONL or Parquet."""

    def __init__(self, root: Path, folder: Path, *, labels: bool, **model: Any) -> None:
        self._folder = folder
        spec, schemas = orders(root, folder, **model)
        self.schema = schemas.label(spec.name) if labels else schemas.record(spec.name)
        self.roles = roles_of(spec, schemas, labels=labels)
        self.codec = Codec(schemas)

    def maker(self, **how: Any) -> RecordMaker:
        return RecordMaker(self.codec, self.schema, self.roles, "digest", RowOptions(**how))

    def encoded(self, rows: list[dict[str, Any]], ending: str = "csv", **how: Any) -> Encoded:
        path = self._folder / f"rows.{ending}"
        if ending == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        else:
            frame = pl.DataFrame(rows, infer_schema_length=None)
            frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)
        (chunk,) = read_chunks(path, 100)
        return self.maker(**how).encode(chunk, 0)

    def read(self, encoded: Encoded) -> list[dict[str, Any]]:
        return [self.codec.decode_one(value, self.schema) for value in encoded.values]


@pytest.fixture
def labels(root: Path, tmp_path: Path) -> Desk:
    return Desk(root, tmp_path, labels=True)


@pytest.fixture
def events(root: Path, tmp_path: Path) -> Desk:
    return Desk(root, tmp_path, labels=False)


FORMATS = pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])


@FORMATS
def test_a_label_is_taken_under_the_names_of_the_model_file(labels: Desk, ending: str) -> None:
    own = {"order_id": "o1", "fraud": True, "placed_at": AT, "observed_at": AT, "customer": "c1"}
    encoded = labels.encoded([own], ending)
    assert (encoded.keys, encoded.errors) == ([b"c1"], [])
    (label,) = labels.read(encoded)
    assert (label["event_id"], label["label"]) == ("o1", True)
    assert labels.maker().unknown_columns([*own, "colour"]) == ["colour"]


@FORMATS
def test_ids_under_two_names_must_agree(labels: Desk, ending: str) -> None:
    rows = [LABEL | {"order_id": other} for other in ("o1", "o2", None)]
    encoded = labels.encoded(rows, ending)
    assert [row["event_id"] for row in labels.read(encoded)] == ["o1", "o1"]
    (error,) = encoded.errors
    assert (error.line, error.field) == (3 if ending == "csv" else 2, "order_id")
    assert error.reason == "is 'o2' and event_id is 'o1': which one is the event id?"


@FORMATS
def test_an_event_is_taken_under_the_platforms_name_of_its_id(events: Desk, ending: str) -> None:
    encoded = events.encoded([{"event_id": "o1", "placed_at": AT, "customer": "c1"}], ending)
    assert [row["order_id"] for row in events.read(encoded)] == ["o1"]


def test_a_file_without_ids_is_refused_with_the_nearest_column_and_the_cure(labels: Desk, events: Desk) -> None:
    columns = ["evnt_id", "label", "event_time", "observed_at", "customer"]
    assert labels.maker().lacks_id(columns) and not labels.maker(make_ids=True).lacks_id(columns)
    assert not labels.maker().lacks_id(["order_id"]) and not events.maker().lacks_id(["event_id"])
    said = no_id("a.csv", columns, labels.roles)
    assert said.startswith("a.csv has no column for the event id (event_id or order_id). It has: evnt_id, label")
    assert "--map evnt_id=event_id" in said and "--make-ids" in said
    assert "--map OrderID=order_id" in no_id("a.csv", ["x", "OrderID", "customer"], events.roles)
    assert "--map" not in no_id("a.csv", ["x", "y"], events.roles)
    assert len(no_id("a.csv", [f"column {n}" for n in range(5_000)], events.roles)) < 1_500


@FORMATS
def test_rows_without_id_are_errors_of_their_line_unless_ids_are_made(events: Desk, ending: str) -> None:
    rows = [{"order_id": order, "placed_at": AT} for order in ("o1", None, "o3")]
    plain, made = events.encoded(rows, ending), events.encoded(rows, ending, make_ids=True)
    assert [row["order_id"] for row in events.read(plain)] == ["o1", "o3"]
    assert [(e.line, e.field, e.reason) for e in plain.errors] == [
        (3 if ending == "csv" else 2, "order_id", "is missing")
    ]
    ids = [row["order_id"] for row in events.read(made)]
    assert (ids[0], ids[2], made.errors) == ("o1", "o3", []) and len(ids[1]) == 36
    assert events.encoded(rows, ending, make_ids=True).values == made.values


def test_a_chunk_of_lines_that_all_lack_the_id_makes_none_up(events: Desk) -> None:
    encoded = events.encoded([{"placed_at": AT}, {"placed_at": AT}], "jsonl")
    assert not encoded.values and [error.reason for error in encoded.errors] == ["is missing"] * 2


@FORMATS
def test_a_label_without_the_entity_of_its_event_is_an_error_unless_events_have_none(labels: Desk, ending: str) -> None:
    rows = [LABEL, LABEL | {"event_id": "o2", "customer": None}]
    encoded = labels.encoded(rows, ending)
    assert encoded.keys == [b"c1"]
    assert [(e.field, e.reason) for e in encoded.errors] == [("customer", "is missing")]
    assert labels.encoded(rows, ending, need_entity=False).keys == [b"c1", b"o2"]


def test_a_file_of_labels_without_an_entity_column_is_refused_with_the_cure(
    labels: Desk, events: Desk, root: Path, tmp_path: Path
) -> None:
    assert labels.maker().lacks_entity(["event_id", "custmer"])
    assert not labels.maker(need_entity=False).lacks_entity(["event_id"])
    assert not labels.maker().lacks_entity(["event_id", "entity"])
    assert not events.maker().lacks_entity(["order_id"])
    said = no_entity("a.csv", ["event_id", "custmer"], labels.roles)
    assert "--map custmer=customer" in said and "--no-entity" in said
    strict = Desk(root, tmp_path, labels=True, entity_nullable=False)
    assert "Every event has one." in no_entity("a.csv", ["event_id"], strict.roles)


def test_a_column_that_is_mapped_to_a_field_stands_before_one_of_that_name(labels: Desk, tmp_path: Path) -> None:
    path = tmp_path / "mapped.csv"
    path.write_text(
        "event_id,mine,label,event_time,observed_at,entity\nx,o1,yes,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,c1\n"
    )
    maker = RecordMaker(labels.codec, labels.schema, labels.roles, "d", RowOptions(renames={"mine": "event_id"}))
    (chunk,) = read_chunks(path, 10)
    encoded = maker.encode(chunk, 0)
    assert encoded.keys == [b"c1"] and labels.read(encoded)[0]["event_id"] == "o1"
