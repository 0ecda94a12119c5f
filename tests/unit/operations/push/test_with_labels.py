"""A file that has events and labels side by side: each label goes with its event, or not at all."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.support.orders import orders
from tidemill.codec import Codec
from tidemill_operations.push.checkpoint import file_digest
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.reading import RowError, read_chunks
from tidemill_operations.push.naming import roles_of
from tidemill_operations.push.records import RecordMaker, RowOptions, parse_renames
from tidemill_operations.push.with_labels import LabelChunks, LabelColumns, label_columns


def labels_of(
    root: Path, folder: Path, text: str, *, name: str = "both.csv", make_ids: bool = False, mapped: tuple[str, ...] = ()
) -> tuple[pl.DataFrame, list[RowError], LabelChunks]:
    """The label records of a file, what is wrong with its labels, and the chunks' own account."""
    spec, schemas = orders(root, folder)
    path = folder / name
    path.write_text(text)
    digest, renames = file_digest(path), parse_renames(mapped)
    options = RowOptions(renames=renames, make_ids=make_ids)
    events = RecordMaker(
        Codec(schemas), schemas.record("orders"), roles_of(spec, schemas, labels=False), digest, options
    )
    columns = label_columns(next(read_chunks(path, 10)).frame.columns, renames, spec)
    chunks = LabelChunks(events, spec, columns, Choices())
    roles = roles_of(spec, schemas, labels=True)
    maker = RecordMaker(Codec(schemas), schemas.label("orders"), roles, digest, RowOptions(need_entity=False))
    frames, errors = [], []
    for chunk in chunks.of(read_chunks(path, 2)):
        records, _, wrong = maker.records(chunk, 0)
        frames.append(records)
        errors += wrong
    return pl.concat(frames), errors, chunks


HEAD = "order_id,placed_at,customer,amount,fraud"


def test_each_label_has_the_id_time_and_owner_of_its_event(root: Path, tmp_path: Path) -> None:
    text = f"{HEAD}\no1,2026-11-01T00:00:00Z,c1,5,yes\no2,2026-11-01T01:00:00Z,,6,0\no3,2026-11-01T02:00:00Z,c3,7,\n"
    found, errors, chunks = labels_of(root, tmp_path, text)
    assert found["event_id"].to_list() == ["o1", "o2"]
    assert found["label"].to_list() == [True, False]
    assert found["customer"].to_list() == ["c1", None]
    assert found["observed_at"].to_list() == found["event_time"].to_list()
    assert (errors, chunks.unlabelled) == ([], 1)


def test_the_label_of_a_row_that_is_no_event_is_not_sent(root: Path, tmp_path: Path) -> None:
    text = f"{HEAD}\no1,never,c1,5,yes\no2,2026-11-01T01:00:00Z,c2,much,yes\no3,2026-11-01T02:00:00Z,c3,7,yes\n"
    found, errors, _ = labels_of(root, tmp_path, text)
    assert (found["event_id"].to_list(), errors) == (["o3"], [])


def test_a_label_that_cannot_be_read_is_told_with_its_line(root: Path, tmp_path: Path) -> None:
    text = f"{HEAD}\no1,2026-11-01T00:00:00Z,c1,5,yes\no2,2026-11-01T01:00:00Z,c2,6,perhaps\n"
    found, errors, chunks = labels_of(root, tmp_path, text)
    assert found["event_id"].to_list() == ["o1"]
    assert [(error.line, error.field) for error in errors] == [(3, "label")]
    assert chunks.unlabelled == 0


def test_when_a_label_became_known_is_what_the_file_says(root: Path, tmp_path: Path) -> None:
    text = f"{HEAD},observed_at\no1,2026-11-01T00:00:00Z,c1,5,yes,2026-11-03T00:00:00Z\n"
    found, _, chunks = labels_of(root, tmp_path, text)
    assert (found["observed_at"] - found["event_time"]).to_list() == [timedelta(days=2)]
    assert chunks.columns.told(timedelta(0)) == "labels became known when the column observed_at says"


def test_made_ids_are_those_of_the_events(root: Path, tmp_path: Path) -> None:
    text = "placed_at,customer,amount,fraud\n2026-11-01T00:00:00Z,c1,5,yes\n2026-11-01T01:00:00Z,c2,6,no\n"
    found, _, chunks = labels_of(root, tmp_path, text, make_ids=True)
    events, _, _ = chunks.events.records(next(read_chunks(tmp_path / "both.csv", 10)), 0)
    assert found["event_id"].to_list() == events["order_id"].to_list()


def test_a_column_that_is_called_label_is_not_taken_for_the_models_own(root: Path, tmp_path: Path) -> None:
    text = f"{HEAD},label\no1,2026-11-01T00:00:00Z,c1,5,yes,no\n"
    assert labels_of(root, tmp_path, text)[0]["label"].to_list() == [True]


def test_a_mapped_column_is_the_label(root: Path, tmp_path: Path) -> None:
    text = "order_id,placed_at,customer,amount,Is Fraud?\no1,2026-11-01T00:00:00Z,c1,5,yes\n"
    assert labels_of(root, tmp_path, text, mapped=("Is Fraud?=fraud",))[0]["label"].to_list() == [True]


def test_lines_of_json_without_a_label_are_events_alone(root: Path, tmp_path: Path) -> None:
    rows = [
        {"order_id": f"o{i}", "placed_at": "2026-11-01T00:00:00Z", "customer": "c", "fraud": True} for i in range(4)
    ]
    for row in rows[2:]:
        del row["fraud"]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    found, errors, chunks = labels_of(root, tmp_path, text, name="both.jsonl")
    assert (found["event_id"].to_list(), errors, chunks.unlabelled) == (["o0", "o1"], [], 2)


def test_a_file_without_the_label_is_refused_with_what_to_say(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no column 'fraud' \(target\.label\).*--map COLUMN=fraud"):
        labels_of(root, tmp_path, "order_id,placed_at,customer\no1,2026-11-01T00:00:00Z,c1\n")


def test_what_is_taken_for_the_time_of_knowing_is_said() -> None:
    assert "6:00:00 after their events" in LabelColumns("fraud", None).told(timedelta(hours=6))
    assert "with their events" in LabelColumns("fraud", None).told(timedelta(0))
