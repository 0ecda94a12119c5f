"""A model, and logs of one or more partitions made up for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.contracts.events.platform import DataSet, ModelRef, ModelVersion
from tidemill.contracts.events.profiles import Profile
from tidemill.contracts.model_file import Drift, Feature, ModelSpec, Retrain, Target, Training
from tidemill_learning.drift.profiling.partition import PartitionProfiler, Role
from tidemill_learning.drift.profiling.windows import Place

HOUR = 3_600_000
TOPICS: Mapping[Role, str] = {"clean": "c", "predictions": "p", "labels": "l"}
APPENDED = 2**50
TYPES = {"probabilities": pa.map_(pa.string(), pa.float64())}


def model(
    *,
    window: int | timedelta = 50,
    task: Any = "binary",
    watch: Any = ("features", "predictions", "quality"),
    on: Any = ("drift", "quality"),
    delay: int = 2,
    expires: int = 48,
) -> ModelSpec:
    """A model of a number, a category and a time; durations in hours."""
    return ModelSpec(
        name="m",
        schema_file="m.avsc",
        entity="k",
        event_time="at",
        target=Target("y", task, delay=timedelta(hours=delay), expires=timedelta(hours=expires)),
        features=(Feature("x", "number"), Feature("c", "category"), Feature("at", "time", ("hour",))),
        training=Training(metric="roc_auc", candidates=("logistic_regression",)),
        drift=Drift(window=window, watch=watch),
        retrain=Retrain(on=on),
    )


@dataclass
class Logs:
    """The three logs of one partition, as rows with their offsets."""

    rows: dict[Role, list[tuple[int, dict[str, Any]]]] = field(
        default_factory=lambda: {"clean": [], "predictions": [], "labels": []}
    )

    def batch(self, role: Role, start: int, end: int) -> tuple[Any, Any, pa.RecordBatch]:
        """Records `start` to `end` (by place in the log) as the profiler takes them."""
        part = self.rows[role][start:end]
        offsets = np.array([offset for offset, _ in part], dtype=np.int64)
        names = part[0][1] if part else {}
        columns = {name: pa.array([row[name] for _, row in part], TYPES.get(name)) for name in names}
        return offsets, np.full(len(part), APPENDED), pa.RecordBatch.from_pydict(columns)


def logs(
    count: int, seed: int = 0, *, worse: float = 0.0, first: int = 0, partition: int = 0, version: int = 1
) -> Logs:
    """`count` events an hour / 20 apart, predicted at 0.1 to 0.4, labelled after 0 to 5 hours, some never.

    A label is true as often as predicted, and `worse` more.
    """
    rng = np.random.default_rng([seed, partition])
    made = Logs()
    labels = []
    for number in range(first, first + count):
        at, event_id = number * HOUR // 20, f"{partition}-{number}"
        score = float(rng.uniform(0.1, 0.4))
        made.rows["clean"].append(
            (
                number,
                {"event_id": event_id, "at": at, "x": float(rng.normal(100, 5)), "c": "ab"[int(rng.random() < 0.3)]},
            )
        )
        prediction = {
            "event_id": event_id,
            "event_time": at,
            "source": "stream",
            "version": version,
            "arm": "champion",
            "probability": score,
        }
        made.rows["predictions"].append((number, prediction))
        if rng.random() < 0.97:
            observed = at + int(rng.uniform(0, 5) * HOUR)
            labels.append(
                {
                    "event_id": event_id,
                    "event_time": at,
                    "observed_at": observed,
                    "label": bool(rng.random() < score + worse),
                }
            )
    labels.sort(key=lambda row: row["observed_at"])
    made.rows["labels"] = [(first + n, row) for n, row in enumerate(labels)]
    return made


def profiler(spec: ModelSpec, partition: int = 0, places: Mapping[Role, Place] | None = None) -> PartitionProfiler:
    """A profiler that begins at these places."""
    made = PartitionProfiler(spec, partition, TOPICS)
    for role, place in (places or {}).items():
        made.resume(role, place)
    return made


def profiles_of(spec: ModelSpec, made: Logs, partition: int = 0) -> list[Profile]:
    """All profiles of logs that are read side by side, 20 records at a time."""
    reading, found = profiler(spec, partition), []
    for start in range(0, max(map(len, made.rows.values())), 20):
        for role in ("clean", "predictions", "labels"):
            if start < len(made.rows[role]):
                found += getattr(reading, role)(*made.batch(role, start, start + 20))
    return found


def reference(metrics: Mapping[str, float] | None = None) -> dict[str, Any]:
    """A training reference that fits `logs`."""
    rng = np.random.default_rng(99)
    steps = np.linspace(0, 1, 101)
    return {
        "features": {
            "x": {
                "kind": "number",
                "quantiles": np.quantile(rng.normal(100, 5, 20_000), steps).tolist(),
                "nulls": 0.0,
                "count": 20_000,
            },
            "c": {
                "kind": "category",
                "counts": {"a": 14_000, "b": 6_000},
                "other": 0,
                "nulls": 0.0,
                "count": 20_000,
            },
        },
        "predictions": {"quantiles": (0.1 + 0.3 * steps).tolist(), "mean": 0.25, "count": 3_000},
        "metrics": dict(metrics or {"roc_auc": 0.5}),
        "rows": 20_000,
        "held_out_rows": 3_000,
    }


def published(version: int = 1, epoch: int = 1, partitions: int = 2, offsets: Sequence[Any] = ()) -> ModelVersion:
    """An event of model-versions."""
    champion = ModelRef(
        version=version,
        artifact_uri="",
        manifest_digest=f"d{version}",
        run_id="r",
        tracking_run="t",
        data_set=DataSet(table_uri="", table_version=0, offsets=tuple(offsets)),
    )
    return ModelVersion(
        model="m",
        epoch=epoch,
        mode="direct",
        champion=champion,
        challenger=None,
        challenger_share=0.0,
        start_offsets=(0,) * partitions,
        published_at=0,
    )
