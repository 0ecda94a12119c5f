"""Predictions and labels by task: what a prediction says, and how wrong it was."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tidemill_learning.drift import errors
from tidemill_learning.drift.join import Met
from tidemill_learning.drift.scores import bin_counts


def error_profile(task: str, version: int, arm: str, met: list[Met]) -> dict[str, Any]:
    """The record `ErrorProfile` of schemas/profile.avsc from what one version and arm met in a window."""
    met = sorted(met, key=lambda m: (m.label_offset, m.prediction_offset))
    labels, outputs, observed = [m.label for m in met], [m.output for m in met], [m.observed_at for m in met]
    outcomes = _outcomes(task, labels, outputs, observed)
    histograms: dict[str, list[int]] = {"positives": [], "negatives": []}
    if task == "binary":
        histograms["positives"] = bin_counts(outcomes.p[outcomes.y > 0]).tolist()
        histograms["negatives"] = bin_counts(outcomes.p[outcomes.y <= 0]).tolist()
    key = {"source": "stream", "version": version, "arm": arm, "count": len(met)}
    return {**key, "buckets": errors.buckets(outcomes), **histograms}


def _outcomes(task: str, labels: list[Any], outputs: list[Any], observed_at: list[int]) -> errors.Outcomes:
    if task == "binary":
        return errors.binary(labels, outputs, observed_at)
    if task == "multiclass":
        return errors.multiclass(labels, outputs, observed_at)
    return errors.regression(labels, outputs, observed_at)


def outputs_of(task: str, rows: pa.RecordBatch) -> list[Any]:
    """What each prediction says: a probability, a value, or (class, probabilities by class)."""
    if task == "binary":
        return list(rows.column("probability").to_pylist())
    if task == "regression":
        return list(rows.column("value").to_pylist())
    probabilities = [dict(entries) for entries in rows.column("probabilities").to_pylist()]
    return list(zip(rows.column("label").to_pylist(), probabilities, strict=True))


def score_of(output: Any) -> Any:
    """What is watched of an output: a probability, a value, or the class."""
    return output[0] if isinstance(output, tuple) else output
