"""Predictions and labels by task: what a prediction says, and how wrong it was."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tidemill.contracts.events.profiles import ErrorProfile
from tidemill.stats.score_bins import bin_counts
from tidemill_learning.drift.labels import error_bins
from tidemill_learning.drift.labels.label_window import Met


def error_profile(task: str, source: str, version: int, arm: str, met: list[Met]) -> ErrorProfile:
    """How wrong one source, version and arm was, from what it met in a window.

    Corrections of labels that counted in an earlier window are no new labels: they stand in a last bucket of count 0,
    with the difference that they make to every sum, and move their class count.
    """
    met = sorted(met, key=lambda m: (m.label_offset, m.prediction_offset))
    first, corrections = [m for m in met if not m.corrects], [m for m in met if m.corrects]
    now, then = (_outcomes(task, corrections, before=before) for before in (False, True))
    outcomes = _outcomes(task, first)
    histograms: dict[str, tuple[int, ...]] = {}
    if task == "binary":
        for name, sign in (("positives", 1), ("negatives", -1)):
            counts = [bin_counts(o.p[(o.y > 0) == (sign > 0)]) for o in (outcomes, now, then)]
            histograms[name] = tuple((counts[0] + counts[1] - counts[2]).tolist())
    buckets = error_bins.buckets(outcomes) + ([error_bins.correction(now, then)] if corrections else [])
    return ErrorProfile(source=source, version=version, arm=arm, count=len(first), buckets=tuple(buckets), **histograms)


def _outcomes(task: str, met: list[Met], *, before: bool = False) -> error_bins.Outcomes:
    labels, outputs = [m.before if before else m.label for m in met], [m.output for m in met]
    observed_at = [m.observed_at for m in met]
    if task == "binary":
        return error_bins.binary(labels, outputs, observed_at, [m.decided for m in met])
    if task == "multiclass":
        return error_bins.multiclass(labels, outputs, observed_at)
    return error_bins.regression(labels, outputs, observed_at)


def outputs_of(task: str, rows: pa.RecordBatch) -> list[Any]:
    """What each prediction says: a probability, a value, or (class, probabilities by class)."""
    if task == "binary":
        return list(rows.column("probability").to_pylist())
    if task == "regression":
        return list(rows.column("value").to_pylist())
    probabilities = [dict(entries) for entries in rows.column("probabilities").to_pylist()]
    return list(zip(rows.column("label").to_pylist(), probabilities, strict=True))


def decisions_of(task: str, rows: pa.RecordBatch) -> list[bool | None]:
    """The label that each binary prediction gave; None of other tasks, and of records older than that field."""
    known = task == "binary" and "label" in rows.schema.names
    return list(rows.column("label").to_pylist()) if known else [None] * rows.num_rows


def score_of(output: Any) -> Any:
    """What is watched of an output: a probability, a value, or the class."""
    return output[0] if isinstance(output, tuple) else output
