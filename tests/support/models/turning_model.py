"""A model with one number whose meaning turns round, as files: for tests of what plays its past again."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = """\
model: turning
schema: turning.avsc
entity: who
event_time: at
target: {label: y, task: binary, delay: 20m}
features: {x: number}
expectations:
  - expect_column_values_to_be_between: {column: x, min_value: -100, max_value: 100}
training: {first_after: 300, candidates: [logistic_regression], metric: roc_auc}
"""


def write_model(folder: Path, text: str = MODEL) -> Path:
    """The model file and its record's schema in `models/` and `schemas/` below `folder`; gives the model file."""
    schemas = folder / "schemas"
    (schemas / "models").mkdir(parents=True, exist_ok=True)
    for path in [*(ROOT / "schemas").glob("*.avsc"), ROOT / "schemas/topics.yaml"]:
        shutil.copy(path, schemas / path.name)
    fields: list[dict[str, Any]] = [
        {"name": "event_id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "who", "type": ["null", "string"], "default": None},
        {"name": "x", "type": ["null", "double"], "default": None},
    ]
    record = {"type": "record", "name": "Turning", "namespace": "dev.tidemill.models", "fields": fields}
    (schemas / "models" / "turning.avsc").write_text(json.dumps(record))
    (folder / "models").mkdir(exist_ok=True)
    file = folder / "models" / "turning.yaml"
    file.write_text(text)
    return file


def rows(count: int, change: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """One a minute: `y` is `x > 0`, the other way round from row `change` on, wrong in one case of twenty."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count).round(6)
    y = (x > 0) ^ (np.arange(count) >= change) ^ (rng.random(count) < 0.05)
    return [
        {"event_id": f"e{k}", "at": moment(k), "x": float(x[k]), "y": bool(y[k])} for k in range(count)
    ]  # fmt: skip


def moment(minute: int) -> str:
    """The time of a row."""
    return (BEGIN + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
