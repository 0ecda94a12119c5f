"""A stream of two numbers whose meaning changes once, as a model's files, as records, and as a person's files."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.streams.generated import BEGIN_MS, STEP_MS, Rows, abrupt

MODEL = "turned"
MODEL_FILE = """\
model: turned
schema: turned.avsc
entity: who
event_id: event_id
event_time: at
target: {label: y, task: binary, delay: 500m}
features: {x0: number, x1: number}
training:
  first_after: 1_000
  candidates: [gradient_boosting, logistic_regression]
  budget: 30m
  metric: roc_auc
retrain: {cooldown: 1h}
"""
RECORD = {
    "type": "record",
    "name": "Turned",
    "namespace": "dev.tidemill.models",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "who", "type": ["null", "string"], "default": None},
        {"name": "x0", "type": ["null", "double"], "default": None},
        {"name": "x1", "type": ["null", "double"], "default": None},
    ],
}
LATE = 500
"""Rows by which labels are late; a row is a minute."""


def sine(count: int) -> Rows:
    """River's Sine generator, its classes turned round from the middle on."""
    from river.datasets import synth

    def concept(function: int, seed: int) -> Any:
        return synth.Sine(classification_function=function, seed=seed, balance_classes=False, has_noise=False)

    return abrupt([concept(0, 30), concept(1, 31)], count)


def write_model(folder: Path, root: Path) -> None:
    """`models/` and `schemas/` below `folder`, with this model alone."""
    shutil.copytree(root / "schemas", folder / "schemas", ignore=shutil.ignore_patterns("models", "history"))
    (folder / "schemas" / "models").mkdir()
    (folder / "schemas" / "models" / f"{MODEL}.avsc").write_text(json.dumps(RECORD))
    (folder / "models").mkdir()
    (folder / "models" / f"{MODEL}.yaml").write_text(MODEL_FILE)


def time_of(row: int) -> int:
    """Epoch ms of an event, and of its label's being known where `row` is that of `LATE` rows later."""
    return BEGIN_MS + row * STEP_MS


def entity(row: int) -> str:
    """The key of a row."""
    return f"w{row % 6}"


def events(rows: Rows, numbers: range) -> list[dict[str, Any]]:
    """These events, with times in epoch ms."""
    return [
        {
            "event_id": f"e{k:06d}",
            "at": time_of(k),
            "who": entity(k),
            "x0": float(rows.x[k, 0]),
            "x1": float(rows.x[k, 1]),
        }
        for k in numbers
    ]


def labels(rows: Rows, numbers: range) -> list[dict[str, Any]]:
    """Their labels, with times in epoch ms."""
    return [
        {
            "event_id": f"e{k:06d}",
            "label": bool(rows.y[k]),
            "event_time": time_of(k),
            "observed_at": time_of(k + LATE),
        }
        for k in numbers
    ]


def write_files(folder: Path, rows: Rows) -> tuple[Path, Path]:
    """Events and labels as a person has them: JSON lines, times as text."""
    every = range(len(rows))
    told = [{**row, "at": _text(row["at"])} for row in events(rows, every)]
    known = [
        {
            "event_id": row["event_id"],
            "y": row["label"],
            "at": _text(row["event_time"]),
            "observed_at": _text(row["observed_at"]),
        }
        for row in labels(rows, every)
    ]
    return _lines(folder / "events.jsonl", told), _lines(folder / "labels.jsonl", known)


def _lines(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, records)) + "\n")
    return path


def _text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
