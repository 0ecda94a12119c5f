"""The training reference: what features, predictions and quality looked like when a model was made.

It travels with the model as `reference.json`; drift is measured against it. Features are the record's own values before
any encoding, over the rows that the model was fitted on. Predictions and metrics are from rows it was *not* fitted on:
a model looks better, and surer, on what it has seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidemill.rows.features import FeatureLike, short_texts
from tidemill_learning.drift.profiling.together_reference import together_reference

QUANTILES = 101
"""Percentiles 0 to 100."""

TOP_CATEGORIES = 200


def training_reference(
    fitted_rows: pa.Table,
    features: Iterable[FeatureLike],
    event_time_ms: tuple[int, int],
    *,
    scores: NDArray[np.float64],
    classes: Sequence[str],
    metrics: Mapping[str, float],
    held_out_rows: int,
) -> dict[str, Any]:
    """The reference as a plain document (finite numbers, text and lists only).

    `features`: per feature of kind number `quantiles` (101 values; empty where all were null), `nulls` (share) and
    `count` (rows); of kind category `counts` (the 200 most frequent; a null is not among them), `other` (rows of all
    the rest), `nulls`, `count`. Time features are left out: they move by nature. `predictions`: `quantiles` and `mean`
    of P(positive) or of the value; for classes `means`, `quantiles` per class and `shares` of the class found. `rows`:
    fitted rows; `held_out_rows`: those behind predictions and metrics; `event_time`: first and last event that was
    fitted on, epoch ms. `together`: see `together_reference`; absent where rows or features are too few.
    """
    watched = [feature for feature in features if feature.kind != "time"]
    numbers, categories = ([f.name for f in watched if (f.kind == "category") == kind] for kind in (False, True))
    together = together_reference(fitted_rows, numbers, categories)
    return {
        "features": {feature.name: _feature(fitted_rows.column(feature.name), feature.kind) for feature in watched},
        **({"together": together} if together else {}),
        "predictions": _classes(scores, classes) if scores.ndim == 2 else _scores(scores),
        "metrics": dict(metrics),
        "rows": fitted_rows.num_rows,
        "held_out_rows": held_out_rows,
        "event_time": list(event_time_ms),
    }


def reference_bytes(reference: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8, sorted keys. Raises ValueError for a number that is not finite."""
    return json.dumps(reference, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _feature(column: pa.ChunkedArray, kind: str) -> dict[str, Any]:
    return _category(column) if kind == "category" else _number(column)


def _number(column: pa.ChunkedArray) -> dict[str, Any]:
    values = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy()
    known = values[np.isfinite(values)]
    return {
        "kind": "number",
        "quantiles": _quantiles(known),
        "nulls": _share(len(values) - len(known), len(values)),
        "count": len(values),
    }


def _category(column: pa.ChunkedArray) -> dict[str, Any]:
    known = short_texts(column).drop_null()
    counted = sorted(
        ((str(row["values"]), int(row["counts"])) for row in known.value_counts().to_pylist()), key=_by_count
    )
    top = dict(counted[:TOP_CATEGORIES])
    return {
        "kind": "category",
        "counts": top,
        "other": len(known) - sum(top.values()),
        "nulls": _share(len(column) - len(known), len(column)),
        "count": len(column),
    }


def _by_count(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _scores(scores: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "quantiles": _quantiles(scores),
        "mean": float(scores.mean()) if len(scores) else 0.0,
        "count": len(scores),
    }


def _classes(scores: NDArray[np.float64], classes: Sequence[str]) -> dict[str, Any]:
    found = np.bincount(np.argmax(scores, axis=1), minlength=len(classes)) if len(scores) else np.zeros(len(classes))
    return {
        "means": {name: float(scores[:, k].mean()) for k, name in enumerate(classes)},
        "quantiles": {name: _quantiles(scores[:, k]) for k, name in enumerate(classes)},
        "shares": {name: _share(int(found[k]), len(scores)) for k, name in enumerate(classes)},
        "count": len(scores),
    }


def _quantiles(values: NDArray[np.float64]) -> list[float]:
    if not len(values):
        return []
    return [float(value) for value in np.quantile(values, np.linspace(0.0, 1.0, QUANTILES))]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
