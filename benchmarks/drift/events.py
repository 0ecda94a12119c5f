"""Readings of machines with twenty features, what was predicted of each, and what came: drawn from a seed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.events import HERE
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import SchemaCatalog

MODEL = "machines"
ROLES = ("clean", "predictions", "labels")
NUMBERS = tuple(f"sensor_{k:02d}" for k in range(16))
CATEGORIES = ("site", "maker", "shift", "firmware")
KINDS = {"site": 12, "maker": 5, "shift": 3, "firmware": 40}
BEGIN_MS, STEP_MS, DELAY_MS = 1_577_880_000_000, 2_000, 1_800_000
"""Labels come 900 events later; a prediction is known for two days, or 86,400 events, as one may be corrected."""
NEVER_LABELLED = 50
"""One event in so many has no label."""
BLOCK = 20_000


def contract(folder: Path) -> tuple[str, ...]:
    """Write `schemas/` and `models/` below `folder`: the platform's, and this model's."""
    shutil.copytree(HERE.parent / "schemas", folder / "schemas")
    (folder / "models").mkdir()
    fields: list[dict[str, Any]] = [
        {"name": "event_id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "machine", "type": "string"},
        *({"name": name, "type": ["null", "double"], "default": None} for name in NUMBERS),
        *({"name": name, "type": ["null", "string"], "default": None} for name in CATEGORIES),
    ]
    for field in fields:
        field["doc"] = "Made up for the benchmark."
    record = {"type": "record", "name": "Machine", "namespace": "dev.tidemill.models", "doc": "A reading."}
    (folder / "schemas" / "models" / f"{MODEL}.avsc").write_text(json.dumps({**record, "fields": fields}))
    kinds = {**dict.fromkeys(NUMBERS, "number"), **dict.fromkeys(CATEGORIES, "category")}
    (folder / "models" / f"{MODEL}.yaml").write_text(
        f"model: {MODEL}\nschema: {MODEL}.avsc\nentity: machine\nevent_id: event_id\nevent_time: at\n"
        "target: {label: fails, task: binary, delay: 1h, expires: 2d}\n"
        f"features: {json.dumps(kinds)}\n"
        "training: {candidates: [gradient_boosting], metric: roc_auc}\ndrift: {window: 5_000}\n"
    )
    return (MODEL,)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Framed records of one partition by role, each in the order of its log."""

    values: dict[str, list[bytes]]


def encoded(first: int, count: int, partition: int, codec: Codec, schemas: SchemaCatalog) -> Encoded:
    """Events `first` to `first + count` of a partition. Ids and times follow from the number; of features and outcomes
    there is a block of 20,000 that repeats.
    """
    numbers = np.arange(first, first + count)
    at = BEGIN_MS + numbers * STEP_MS
    ids = [f"m{partition}-{number:012d}" for number in numbers.tolist()]
    place = numbers % BLOCK
    block = _block(partition).take(pa.array(place))
    times = pa.array(at, pa.timestamp("ms", tz="UTC"))
    clean = block.drop_columns(["probability", "outcome"]).append_column("event_id", pa.array(ids))
    clean = clean.append_column("at", times)
    told: dict[str, Sequence[Any]] = {
        "prediction_id": ids, "event_id": ids, "model": [MODEL] * count, "source": ["stream"] * count,
        "event_time": times, "predicted_at": times, "version": pa.array([1] * count, pa.int32()),
        "epoch": [1] * count, "arm": ["champion"] * count, "probability": block.column("probability"),
        "input_partition": pa.array([partition] * count, pa.int32()), "input_offset": numbers,
    }  # fmt: skip
    labelled = np.flatnonzero(numbers % NEVER_LABELLED)
    observed = pa.array(at[labelled] + DELAY_MS, pa.timestamp("ms", tz="UTC"))
    label = {
        "event_id": [ids[k] for k in labelled.tolist()], "label": block.column("outcome").take(pa.array(labelled)),
        "event_time": times.take(pa.array(labelled)), "observed_at": observed,
    }  # fmt: skip
    return Encoded({
        "clean": codec.encode(clean, schemas.record(MODEL)),
        "predictions": codec.encode(pa.record_batch(told), schemas.prediction(MODEL)),
        "labels": codec.encode(pa.record_batch(label), schemas.label(MODEL)),
    })  # fmt: skip


@cache
def _block(partition: int) -> pa.RecordBatch:
    random = np.random.default_rng([20, partition])
    columns: dict[str, pa.Array] = {"machine": pa.array([f"k{k}" for k in random.integers(0, 500, BLOCK).tolist()])}
    for k, name in enumerate(NUMBERS):
        drawn = (random.normal(50, 9, BLOCK), random.gamma(2.0, 40.0, BLOCK), random.uniform(-1, 1, BLOCK))[k % 3]
        columns[name] = pa.array(drawn, mask=random.random(BLOCK) < 0.02)
    for name in CATEGORIES:
        columns[name] = pa.array([f"{name[0]}{k}" for k in random.integers(0, KINDS[name], BLOCK).tolist()])
    probability = random.beta(2, 6, BLOCK)
    columns |= {"probability": pa.array(probability), "outcome": pa.array(random.random(BLOCK) < probability)}
    return pa.record_batch(columns)
