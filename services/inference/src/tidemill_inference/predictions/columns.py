"""Scores as columns of the prediction record, and as the fields of a REST answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.artifact import Manifest
from tidemill_inference.serving.scorer import Scores
from tidemill_inference.serving.serving import Predictions

STREAM = "stream"
REST = "rest"
CHAMPION = "champion"
CHALLENGER = "challenger"


def output_columns(manifest: Manifest, scores: Scores, classes: tuple[str, ...] | None = None) -> dict[str, pa.Array]:
    """The typed output of n rows by the model's task.

    binary: `probability` double. multiclass: `label` string, the likeliest class (the first of equals), and
    `probabilities` map of string to double; `classes` says what the columns of its scores stand for (None: the
    manifest's). regression: `value` double.
    """
    if manifest.task == "binary":
        return {"probability": pa.array(scores)}
    if manifest.task == "regression":
        return {"value": pa.array(scores)}
    known = pa.array(manifest.classes if classes is None else classes, pa.string())
    n, width = scores.shape
    offsets = pa.array(np.arange(0, (n + 1) * width, width, dtype=np.int32))
    keys = known.take(pa.array(np.tile(np.arange(width), n)))
    return {
        "label": known.take(pa.array(scores.argmax(axis=1))),
        "probabilities": pa.MapArray.from_arrays(offsets, keys, pa.array(scores.ravel())),
    }


def prediction_rows(
    predictions: Predictions,
    *,
    prediction_ids: Sequence[str] | pa.StringArray,
    event_ids: pa.Array,
    event_times: pa.Array,
    source: str,
    predicted_at_ms: int | Sequence[int],
    **inputs: pa.Array,
) -> pa.RecordBatch:
    """Rows of the prediction record of the model's task, one per score. A trial must be complete (`BothArms`).

    `predicted_at_ms`: one time for all, or one a row. `inputs`: `input_partition` and `input_offset` (stream) or
    `input` (rest); what is left out is null.
    """
    serving = predictions.serving
    n = len(prediction_ids)
    columns: dict[str, pa.Array] = {
        "prediction_id": pa.array(prediction_ids, pa.string()),
        "event_id": event_ids,
        "model": pa.repeat(serving.event.model, n),
        "source": pa.repeat(source, n),
        "event_time": event_times,
        "predicted_at": _times(predicted_at_ms, n),
        "epoch": pa.repeat(pa.scalar(serving.epoch, pa.int64()), n),
        **output_columns(serving.model.manifest, predictions.scores, serving.classes),
        **_arm_columns(predictions, n),
        **inputs,
    }
    return pa.record_batch(columns)


def _times(ms: int | Sequence[int], n: int) -> pa.Array:
    kind = pa.timestamp("ms", tz="UTC")
    return pa.repeat(pa.scalar(ms, kind), n) if isinstance(ms, int) else pa.array(ms, kind)


def _arm_columns(predictions: Predictions, n: int) -> dict[str, pa.Array]:
    """Which version answered in which role; during a trial, what the other arm said, null where it said nothing."""
    serving, both = predictions.serving, predictions.both
    if both is None:
        return {"version": pa.repeat(pa.scalar(serving.version, pa.int32()), n), "arm": pa.repeat(CHAMPION, n)}
    challenged = pa.array(both.challenged)
    scores, said = both.others
    champion, challenger = (pa.scalar(arm.version, pa.int32()) for arm in (both.champion, both.challenger))
    said_rows, nothing = pa.array(said), pa.scalar(None)
    others = output_columns(serving.model.manifest, scores, serving.classes)
    return {
        "version": pc.if_else(challenged, challenger, champion),
        "arm": pc.if_else(challenged, CHALLENGER, CHAMPION),
        "other_version": pc.if_else(challenged, champion, challenger),
        **{f"other_{name}": _kept(column, said_rows, nothing) for name, column in others.items()},
    }


def _kept(column: pa.Array, rows: pa.Array, nothing: pa.Scalar) -> pa.Array:
    """The column with null in all other rows."""
    positions = pc.if_else(rows, pa.array(range(len(column)), pa.int64()), nothing.cast(pa.int64()))
    return column.take(positions)


def answer(manifest: Manifest, score: Any, classes: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The typed output of one row as plain JSON values; `score` is one row of the scores, over `classes` (the
    manifest's where None).
    """
    if manifest.task == "binary":
        return {"probability": float(score)}
    if manifest.task == "regression":
        return {"value": float(score)}
    names = manifest.classes if classes is None else classes
    probabilities = {name: float(p) for name, p in zip(names, score, strict=True)}
    return {"label": names[int(np.argmax(score))], "probabilities": probabilities}
