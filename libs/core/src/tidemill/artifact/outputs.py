"""From a model's scores to what it says, by its task: for topics, files and every protocol of REST.

A binary task has `probability`, a regression `value`; a multiclass task has `label`, the likeliest class (the first of
equals), and `probabilities` by class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

__all__ = ["LABEL", "OUTPUTS", "SCORES", "likeliest", "output_columns", "output_row"]

LABEL: Final = "label"
SCORES: Final[Mapping[str, str]] = {"binary": "probability", "multiclass": "probabilities", "regression": "value"}
"""What the scores themselves are called, by task."""
OUTPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    task: (LABEL, scores) if task == "multiclass" else (scores,) for task, scores in SCORES.items()
}
"""All outputs, by task."""

Scores = np.ndarray[Any, np.dtype[np.float64]]


def likeliest(scores: Scores) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The place of each row's likeliest class; of one row of scores, its place alone."""
    return np.asarray(scores.argmax(axis=-1))


def output_columns(
    task: str, scores: Scores, classes: Sequence[str], missing: np.ndarray[Any, np.dtype[np.bool_]] | None = None
) -> dict[str, pa.Array]:
    """The outputs of n rows, double, string, or map of string to double.

    `scores`: [n], or [n, classes] of a multiclass task; `classes` names their columns. `missing`: rows that are to be
    null, [n].
    """
    columns: dict[str, pa.Array] = {}
    if task != "multiclass":
        columns[SCORES[task]] = pa.array(scores, pa.float64())
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


def output_row(task: str, score: Any, classes: Sequence[str]) -> dict[str, Any]:
    """The outputs of one row as plain JSON values; `score` is one row of the scores, over `classes`."""
    if task != "multiclass":
        return {SCORES[task]: float(score)}
    shares = {name: float(p) for name, p in zip(classes, score, strict=True)}
    return {LABEL: classes[int(likeliest(score))], SCORES[task]: shares}
