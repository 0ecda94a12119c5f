"""A small model and its records for the trainer's unit tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa

from tidemill.contracts.events.platform import DataSet, Evidence, ModelRef, ModelVersion, RetrainRequest, RetrainRun
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.spec import Feature, Gate, Retrain, Target, Training
from tidemill_learning.data_set.table_rows import event_rows, label_rows, table_schema

CLEAN, LABELS, PREDICTIONS = "tide-clean", "tide-labels", "tide-predictions"
PARTS = tuple((topic, number) for topic in (CLEAN, LABELS, PREDICTIONS) for number in range(2))
HOUR = 3_600_000

SPEC = ModelSpec(
    name="tide",
    schema_file="tide.avsc",
    entity="gauge",
    event_time="seen_at",
    target=Target("high", "binary"),
    features=(Feature("gauge", "category"), Feature("wind", "number")),
    training=Training("roc_auc", ("logistic_regression",), first_after=10, newest=100, gate=Gate(0.5, 0.0)),
    retrain=Retrain(cooldown=timedelta(hours=12), every=timedelta(days=7)),
)

RECORD = pa.schema(
    [
        ("event_id", pa.string()),
        ("seen_at", pa.timestamp("ms", "UTC")),
        ("gauge", pa.string()),
        ("wind", pa.float64()),
    ]
)
SCHEMA = table_schema(SPEC, RECORD)


def events(first: int, count: int, partition: int = 0, topic: str = CLEAN, **over: Any) -> pa.Table:
    """Rows of events e<first> and on, at offsets equal to their numbers."""
    numbers = range(first, first + count)
    record = pa.record_batch(
        [
            pa.array([f"e{n}" for n in numbers]),
            pa.array([n * 60_000 for n in numbers], pa.timestamp("ms", "UTC")),
            pa.array([f"g{n % 3}" for n in numbers]),
            pa.array([float(n % 5) for n in numbers]),
        ],
        schema=RECORD,
    )
    return event_rows(SCHEMA, SPEC, record, topic, [partition] * count, list(numbers), **over)


def labels(first: int, count: int, partition: int = 0) -> pa.Table:
    """Rows of these events' labels, observed ten minutes later."""
    numbers = range(first, first + count)
    record = pa.record_batch(
        {
            "event_id": [f"e{n}" for n in numbers],
            "label": [n % 2 == 0 for n in numbers],
            "event_time": pa.array([n * 60_000 for n in numbers], pa.timestamp("ms", "UTC")),
            "observed_at": pa.array([n * 60_000 + 600_000 for n in numbers], pa.timestamp("ms", "UTC")),
        }
    )
    return label_rows(SCHEMA, record, LABELS, [partition] * count, list(numbers))


def request(
    request_id: str = "q1", cause: str = "drift", fingerprint: str = "f1", event_time: int = 0
) -> RetrainRequest:
    """A retrain request."""
    return RetrainRequest(
        request_id=request_id, model="tide", cause=cause, evidence=(), fingerprint=fingerprint,  # type: ignore[arg-type]
        requested_by="test", requested_at=1, event_time=event_time,
    )  # fmt: skip


def reference(version: int, run_id: str | None = None) -> ModelRef:
    """A version's reference."""
    data_set = DataSet(table_uri="file:///t", table_version=1, offsets=())
    return ModelRef(
        version=version,
        artifact_uri=f"file:///a/{version}",
        manifest_digest="d",
        run_id=run_id or f"run{version}",
        tracking_run="m",
        data_set=data_set,
    )


def finished(version: int | None, start_offsets: tuple[int, ...] = (5, 6)) -> RetrainRun:
    """A finished run that made this version, or none."""
    evidence = Evidence(detector="at_least", kind="gate", subject="roc_auc", statistic=0.7, threshold=0.6, detail="d")
    return RetrainRun(
        event_id=f"run{version}/finished",
        run_id=f"run{version}",
        request_id="q",
        model="tide",
        cause="drift",
        state="finished",
        reason="gate passed",
        version=version,
        artifact=reference(version) if version else None,
        gate=(evidence,),
        metrics={},
        start_offsets=start_offsets,
        at=1,
    )


def serving(version: int, epoch: int, start_offsets: tuple[int, ...] = (1, 2)) -> ModelVersion:
    """What serves."""
    return ModelVersion(
        model="tide",
        epoch=epoch,
        mode="direct",
        champion=reference(version),
        challenger=None,
        challenger_share=0.0,
        start_offsets=start_offsets,
        published_at=0,
    )
