"""Scores as columns of the prediction record, and as the fields of a REST answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.artifact import Manifest
from tidemill_inference.serving import Predictions, Scores

STREAM = "stream"
REST = "rest"
CHAMPION = "champion"


def output_columns(manifest: Manifest, scores: Scores) -> dict[str, pa.Array]:
    """The typed output of n rows by the model's task.

    binary: `probability` double. multiclass: `label` string, the likeliest class (the first of equals), and
    `probabilities` map of string to double. regression: `value` double.
    """
    if manifest.task == "binary":
        return {"probability": pa.array(scores)}
    if manifest.task == "regression":
        return {"value": pa.array(scores)}
    classes = pa.array(manifest.classes, pa.string())
    n, width = scores.shape
    offsets = pa.array(np.arange(0, (n + 1) * width, width, dtype=np.int32))
    keys = classes.take(pa.array(np.tile(np.arange(width), n)))
    return {
        "label": classes.take(pa.array(scores.argmax(axis=1))),
        "probabilities": pa.MapArray.from_arrays(offsets, keys, pa.array(scores.ravel())),
    }


def prediction_rows(
    predictions: Predictions,
    *,
    prediction_ids: Sequence[str] | pa.StringArray,
    event_ids: pa.Array,
    event_times: pa.Array,
    source: str,
    predicted_at_ms: int,
    **inputs: pa.Array,
) -> pa.RecordBatch:
    """Rows of the prediction record of the model's task, one per score.

    `inputs`: `input_partition` and `input_offset` (stream) or `input` (rest); what is left out is null.
    """
    serving = predictions.serving
    n = len(prediction_ids)
    columns: dict[str, pa.Array] = {
        "prediction_id": pa.array(prediction_ids, pa.string()),
        "event_id": event_ids,
        "model": pa.repeat(serving.event.model, n),
        "source": pa.repeat(source, n),
        "event_time": event_times,
        "predicted_at": pa.repeat(pa.scalar(predicted_at_ms, pa.timestamp("ms", tz="UTC")), n),
        "version": pa.repeat(pa.scalar(serving.version, pa.int32()), n),
        "epoch": pa.repeat(pa.scalar(serving.epoch, pa.int64()), n),
        "arm": pa.repeat(CHAMPION, n),
        **output_columns(serving.model.manifest, predictions.scores),
        **inputs,
    }
    return pa.record_batch(columns)


def answer(manifest: Manifest, score: Any) -> dict[str, Any]:
    """The typed output of one row as plain JSON values; `score` is one row of the scores."""
    if manifest.task == "binary":
        return {"probability": float(score)}
    if manifest.task == "regression":
        return {"value": float(score)}
    probabilities = {name: float(p) for name, p in zip(manifest.classes, score, strict=True)}
    return {"label": manifest.classes[int(np.argmax(score))], "probabilities": probabilities}
