"""A model of visits to a clinic: names of its own for everything, rules of privacy, free text, categories, times."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tidemill.codec.layout import layout_of
from tidemill.contracts.model_file import ModelSpec
from tidemill.settings import CommonSettings
from tidemill_learning.data_set.table_rows import event_rows, label_rows, table_schema
from tidemill_operations.anonymise.choices import Choices
from tidemill_operations.anonymise.fields import plans_of
from tidemill_operations.anonymise.source import Source
from tidemill_operations.platform import PlatformView
from tidemill_trainer.collect.training_table import TrainingTable

FILE = """\
model: visits
schema: visits.avsc
entity: patient
event_id: visit
event_time: seen_at
target: {label: outcome, task: multiclass}
features: {ward: category, weight: number, age: number}
privacy: {surname: hash, phone: {mask: {keep_last: 2}}, insurer: drop}
expectations:
  - expect_column_values_to_match_regex: {column: patient, regex: "^P", severity: warning}
"""
TIME: Any = {"type": "long", "logicalType": "timestamp-millis"}
FIELDS: list[dict[str, Any]] = [
    {"name": "visit", "type": "string"},
    {"name": "seen_at", "type": TIME},
    {"name": "patient", "type": ["null", "string"], "default": None},
    {"name": "surname", "type": ["null", "string"], "default": None},
    {"name": "phone", "type": ["null", "string"], "default": None},
    {"name": "insurer", "type": "string"},
    {"name": "ward", "type": ["null", "string"], "default": None},
    {"name": "room", "type": "string"},
    {"name": "clinic", "type": {"type": "enum", "name": "Clinic", "symbols": ["A", "B", "C"]}},
    {"name": "turn", "type": {"type": "enum", "name": "Turn", "symbols": ["day", "night"]}},
    {"name": "note", "type": ["null", "string"], "default": None},
    {"name": "weight", "type": ["null", "double"], "default": None},
    {"name": "age", "type": ["null", "int"], "default": None},
    {"name": "born", "type": ["null", TIME], "default": None},
    {"name": "smokes", "type": ["null", "boolean"], "default": None},
]
PARTS = tuple((topic, 0) for topic in ("visits-clean", "visits-labels", "visits-predictions"))


def platform_of(root: Path, folder: Path) -> PlatformView:
    """The model and its schemas, a database and room for tables, all in `folder`."""
    shutil.copytree(root / "schemas", folder / "schemas", dirs_exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "visits.yaml").write_text(FILE, encoding="utf-8")
    record = {"type": "record", "name": "Visit", "namespace": "dev.tidemill.models", "fields": FIELDS}
    (folder / "schemas" / "models" / "visits.avsc").write_text(json.dumps(record), encoding="utf-8")
    settings = CommonSettings(
        models_dir=folder / "models", schemas=folder / "schemas", tables=str(folder / "tables"),
        database_url=f"sqlite:///{folder / 'registry.db'}", models=(),
    )  # fmt: skip
    return PlatformView(settings, {})


def visit(number: int, patient: str | None, **over: Any) -> dict[str, Any]:
    """One visit; two patients are never alike but in their ward, room and habits."""
    row = {
        "visit": f"visit-{number}-{patient}", "seen_at": 1_790_000_000_123 + number * 60_000, "patient": patient,
        "surname": f"Surname-{patient}", "phone": f"0049-{number}-77", "insurer": f"Insurer-{patient}", "ward": "north",
        "room": "r1", "clinic": "A", "turn": "day", "note": f"Note on {patient}", "weight": 60.1 + number,
        "age": 30 + number,
        "born": 600_000_000_000 + number, "smokes": number % 2 == 0,
    }  # fmt: skip
    return row | over


def batch(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """As a decoder gives them."""
    layout = layout_of({"type": "record", "name": "Visit", "fields": FIELDS})
    assert layout is not None
    return pa.RecordBatch.from_pylist(list(rows), schema=layout.arrow)


def label_batch(rows: Sequence[dict[str, Any]], outcomes: Sequence[str]) -> pa.RecordBatch:
    """A label for each visit, known an hour later."""
    times = pa.array([row["seen_at"] for row in rows], pa.timestamp("ms", "UTC"))
    later = pa.array([row["seen_at"] + 3_600_000 for row in rows], pa.timestamp("ms", "UTC"))
    return pa.record_batch(
        {
            "event_id": [row["visit"] for row in rows], "label": pa.array(outcomes, pa.string()),
            "event_time": times, "observed_at": later,
        }
    )  # fmt: skip


def fill(platform: PlatformView, rows: Sequence[dict[str, Any]], outcomes: Sequence[str]) -> TrainingTable:
    """A training table of these visits and their labels."""
    spec, schema, offsets = platform.models["visits"], schema_of(platform), list(range(len(rows)))
    uri = (Path(platform.settings.tables).resolve() / f"{platform.settings.prefix}visits").as_uri()
    table = TrainingTable(uri, schema, PARTS)
    events = event_rows(schema, spec, batch(rows), "visits-clean", [0] * len(rows), offsets)
    labels = label_rows(schema, label_batch(rows, outcomes), "visits-labels", [0] * len(rows), offsets)
    ends = {("visits-clean", 0): len(rows), ("visits-labels", 0): len(rows)}
    table.append(pa.concat_tables([events, labels]), ends)
    return table


def schema_of(platform: PlatformView) -> pa.Schema:
    """Of the table."""
    return table_schema(platform.models["visits"], batch([]).schema)


def source_of(platform: PlatformView, rows: Sequence[dict[str, Any]], outcomes: Sequence[str]) -> Source:
    """What is read of such a table."""
    spec, schema = platform.models["visits"], schema_of(platform)
    events = event_rows(schema, spec, batch(rows), "c", [0] * len(rows), list(range(len(rows))))
    labels = label_rows(schema, label_batch(rows, outcomes), "l", [0] * len(rows), list(range(len(rows))))
    plans = plans_of(spec, platform.schemas.record("visits"), Choices()).values()
    columns = {"_event_id": events.column("_event_id")} | {
        plan.name: events.column(plan.name).cast(plan.type) for plan in plans if plan.in_record
    }
    picked = labels.select(["_event_id", "_event_time", "_observed_at", "_label"])
    return Source(pa.table(columns), picked, 1, older=0, repeats=0, labels_of_others=0)


def spec_of(platform: PlatformView) -> ModelSpec:
    """The model."""
    return platform.models["visits"]
