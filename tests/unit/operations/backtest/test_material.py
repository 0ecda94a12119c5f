"""A file gives the labelled rows that the stream would have; what it says not is as late as the model file says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tests.support.models.turning_model import BEGIN, MODEL, moment, rows, write_model
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill_operations.backtest.files import Files, read_files
from tidemill_operations.backtest.material import Material
from tidemill_operations.push.records import TimeLine


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def read(folder: Path, files: Files, model: str = MODEL) -> Material:
    write_model(folder, model)
    models = load_models(folder / "models")
    schemas = SchemaCatalog.load(folder / "schemas", models)
    return read_files(files, models["turning"], schemas, Codec(schemas), lambda done, total: None)


def column(found: Material, name: str) -> list[Any]:
    return list(found.labelled.column(name).to_pylist())


def test_events_and_labels_of_one_file_are_put_together_with_the_delay_of_the_model_file(tmp_path: Path) -> None:
    found = read(tmp_path, Files(data=written(tmp_path / "all.jsonl", rows(50, 25))))
    assert found.labelled.num_rows == found.events == 50
    assert column(found, "_event_id")[:2] == ["e0", "e1"]
    assert column(found, "_event_time")[1] == BEGIN + timedelta(minutes=1)
    assert column(found, "_observed_at")[1] == BEGIN + timedelta(minutes=21)
    assert column(found, "_label") == [row["y"] for row in rows(50, 25)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    frame = pl.DataFrame(rows(50, 25))
    path = tmp_path / f"all.{ending}"
    frame.write_csv(path) if ending == "csv" else frame.with_columns(
        pl.col("at").str.to_datetime(time_zone="UTC")
    ).write_parquet(path)
    found = read(tmp_path, Files(data=path))
    wanted = read(tmp_path, Files(data=written(tmp_path / "all.jsonl", rows(50, 25))))
    assert found.labelled.equals(wanted.labelled)


def test_a_file_of_labels_says_itself_when_each_was_known(tmp_path: Path) -> None:
    events = [{name: row[name] for name in ("event_id", "at", "x")} for row in rows(4, 4)]
    labels = [
        {"event_id": "e2", "label": True, "observed_at": moment(90)},
        {"event_id": "e0", "label": False},
        {"event_id": "e0", "label": True, "observed_at": moment(200)},
        {"event_id": "e7", "label": True},
    ]
    files = Files(data=written(tmp_path / "a.jsonl", events), labels=written(tmp_path / "b.jsonl", labels))
    found = read(tmp_path, files)
    assert column(found, "_event_id") == ["e0", "e2"]
    assert column(found, "_label") == [True, True], "of several labels the one observed last counts"
    assert column(found, "_observed_at") == [BEGIN + timedelta(minutes=m) for m in (200, 90)]
    assert (found.events, found.unlabelled) == (4, 2)


def test_what_the_stream_would_set_aside_is_left_out_and_said(tmp_path: Path) -> None:
    records = rows(20, 20)
    records[3]["x"] = 1e6
    records[4]["x"] = "far"
    records[5]["y"] = "perhaps"
    del records[6]["y"]
    records[7]["event_id"] = "e0"
    found = read(tmp_path, Files(data=written(tmp_path / "a.jsonl", records)))
    kept = column(found, "_event_id")
    assert len(kept) == 15 and not {"e3", "e4", "e5", "e6", "e7"} & set(kept)
    assert found.set_aside == 3
    assert {(one.line, one.field) for one in found.wrong} == {(4, "x"), (5, "x"), (6, "label")}


def test_a_file_without_times_and_ids_is_given_both(tmp_path: Path) -> None:
    records = [{"x": row["x"], "outcome": row["y"]} for row in rows(10, 10)]
    line = TimeLine(datetime(2020, 1, 1, tzinfo=UTC), timedelta(hours=1))
    files = Files(data=written(tmp_path / "a.jsonl", records), renames={"outcome": "y"}, times=line)
    found = read(tmp_path, files)
    assert column(found, "_event_time")[9] == datetime(2020, 1, 1, 9, tzinfo=UTC)
    assert len(set(column(found, "_event_id"))) == 10


def test_a_label_in_the_record_comes_as_late_as_any_other(tmp_path: Path) -> None:
    write_model(tmp_path)
    schema = tmp_path / "schemas/models/turning.avsc"
    record = json.loads(schema.read_text())
    record["fields"].append({"name": "y", "type": ["null", "boolean"], "default": None})
    models = load_models(tmp_path / "models")
    schema.write_text(json.dumps(record))
    schemas = SchemaCatalog.load(tmp_path / "schemas", models)
    files = Files(data=written(tmp_path / "a.jsonl", rows(5, 5)))
    found = read_files(files, models["turning"], schemas, Codec(schemas), lambda done, total: None)
    assert column(found, "_observed_at")[0] == BEGIN + timedelta(minutes=20)
    assert pa.types.is_boolean(found.labelled.schema.field("_label").type)


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([{"event_id": "e", "at": moment(0), "x": 1.0}], "no column 'y'"),
        ([{"event_id": "e", "x": 1.0, "y": True}], "no column for at"),
        ([{"event_id": "e", "at": moment(0), "x": 1e9, "y": True}], "none of the 1 rows is an event"),
        ([{"event_id": "e", "at": moment(0), "x": 1.0, "y": None}], "none of the 1 events has a label"),
    ],
)
def test_a_file_that_does_not_do_is_refused_with_what_is_missing(
    tmp_path: Path, records: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read(tmp_path, Files(data=written(tmp_path / "a.jsonl", records)))
