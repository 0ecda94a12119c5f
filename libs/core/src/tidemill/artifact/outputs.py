"""From a model's scores to what it says, by its task: for topics, files and every protocol of REST.

A binary task has `probability`, and `label`, whether that reaches the version's threshold; a regression has `value`; a
multiclass task has `label`, the likeliest class (the first of equals), and `probabilities` by class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

__all__ = ["LABEL", "ONE_HALF", "OUTPUTS", "SCORES", "likeliest", "output_columns", "output_row"]

LABEL: Final = "label"
SCORES: Final[Mapping[str, str]] = {"binary": "probability", "multiclass": "probabilities", "regression": "value"}
"""What the scores themselves are called, by task."""
OUTPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "binary": (SCORES["binary"], LABEL),
    "multiclass": (LABEL, SCORES["multiclass"]),
    "regression": (SCORES["regression"],),
}
"""All outputs, by task."""
ONE_HALF: Final = 0.5
"""The threshold of a binary version that states none."""

Scores = np.ndarray[Any, np.dtype[np.float64]]


def likeliest(scores: Scores) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The place of each row's likeliest class; of one row of scores, its place alone."""
    return np.asarray(scores.argmax(axis=-1))


def output_columns(
    task: str, scores: Scores, classes: Sequence[str], missing: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
    threshold: float | Scores = ONE_HALF,
) -> dict[str, pa.Array]:  # fmt: skip
    """The outputs of n rows, double, boolean, string, or map of string to double.

    `scores`: [n], or [n, classes] of a multiclass task; `classes` names their columns. `missing`: rows that are to be
    null, [n]. `threshold`: from which probability on a binary task says true, one for all or [n].
    """
    columns: dict[str, pa.Array] = {}
    if task != "multiclass":
        columns[SCORES[task]] = pa.array(scores, pa.float64())
        if task == "binary":
            columns[LABEL] = pa.array(scores >= threshold)
    else:
        known = pa.array(classes, pa.string())
        n, width = scores.shape
        offsets = pa.array(np.arange(0, (n + 1) * width, width, dtype=np.int32))
        names = known.take(pa.array(np.tile(np.arange(width), n)))
        columns[LABEL] = known.take(pa.array(likeliest(scores)))
        columns[SCORES[task]] = pa.MapArray.from_arrays(offsets, names, pa.array(scores.ravel()))
    if missing is None:
        return columns
    kept = pa.array(np.arange(len(scores)), mask=missing)
    return {name: column.take(kept) for name, column in columns.items()}


def output_row(task: str, score: Any, classes: Sequence[str], threshold: float = ONE_HALF) -> dict[str, Any]:
    """The outputs of one row as plain JSON values; `score` is one row of the scores, over `classes`."""
    if task == "binary":
        return {"probability": float(score), "label": bool(score >= threshold)}
    if task == "regression":
        return {"value": float(score)}
    shares = {name: float(p) for name, p in zip(classes, score, strict=True)}
    return {LABEL: classes[int(likeliest(score))], SCORES[task]: shares}
