"""Scores of predictions against the truth, by task. Plain numpy: no learner is imported to judge one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.examples import Task
from tidemill_learning.training.texts import distinct

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "rmse", "mae"})
"""The metrics in which a smaller value wins; in all others the larger one does."""

METRICS: dict[Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "log_loss", "brier", "accuracy", "f1"),
    "multiclass": ("roc_auc", "log_loss", "brier", "accuracy", "f1"),
    "regression": ("rmse", "mae", "r2"),
}

_EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 in log loss: about the resolution of float32."""


def gain(metric: str, value: float, over: float) -> float:
    """By how much `value` is better than `over` (negative: worse), whatever the metric's direction.

    >>> gain("roc_auc", 0.75, 0.5), gain("rmse", 3.0, 2.0)
    (0.25, -1.0)
    """
    return over - value if metric in LOWER_IS_BETTER else value - over


def measure(
    task: Task, target: NDArray[np.generic], scores: NDArray[np.float64], classes: Sequence[str] = ()
) -> dict[str, float]:
    """Every metric of the task.

    `scores` as `OnnxModel.score` gives them: P(positive) [n], probabilities [n, C] in the order of
    `classes`, or values [n]. A metric that the rows do not define (one class only) is left out.

    >>> measure("regression", np.array([1.0, 3.0]), np.array([2.0, 2.0]))["rmse"]
    1.0
    """
    if task == "regression":
        return _regression(target.astype(np.float64), scores)
    if task == "binary":
        return _binary(target.astype(np.int64), scores)
    return _multiclass(target, scores, classes)


def roc_auc(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Area under the ROC curve as the Mann-Whitney statistic, ties counted half; `None` where one class is
    absent.
    """
    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others:
        return None
    _, positions, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    ranks = (ends - (sizes - 1) / 2.0)[positions]
    return float((ranks[positive].sum() - count * (count + 1) / 2.0) / (count * others))


def _binary(target: NDArray[np.int64], scores: NDArray[np.float64]) -> dict[str, float]:
    positive = target == 1
    clipped = np.clip(scores, _EPSILON, 1.0 - _EPSILON)
    found = scores >= 0.5
    values: dict[str, float | None] = {
        "roc_auc": roc_auc(positive, scores),
        "log_loss": float(-np.where(positive, np.log(clipped), np.log1p(-clipped)).mean()),
        "brier": float(np.square(scores - positive).mean()),
        "accuracy": float((found == positive).mean()),
        "f1": _f1(positive, found),
    }
    return _defined(values)


def _multiclass(target: NDArray[np.generic], scores: NDArray[np.float64], classes: Sequence[str]) -> dict[str, float]:
    names, positions = distinct(target)
    place = {name: k for k, name in enumerate(classes)}
    true = np.array([place.get(name, -1) for name in names], dtype=np.int64)[positions]
    truth = true[:, None] == np.arange(len(classes))[None, :]
    of_truth = (scores * truth).sum(axis=1)
    found = np.argmax(scores, axis=1)
    areas = [area for k in range(len(classes)) if (area := roc_auc(truth[:, k], scores[:, k])) is not None]
    f1s = [_f1(truth[:, k], found == k) for k in range(len(classes)) if truth[:, k].any()]
    values: dict[str, float | None] = {
        "roc_auc": float(np.mean(areas)) if areas else None,
        "log_loss": float(-np.log(np.clip(of_truth, _EPSILON, 1.0)).mean()),
        "brier": float(np.square(scores - truth).sum(axis=1).mean()),
        "accuracy": float((found == true).mean()),
        "f1": float(np.mean(f1s)) if f1s else None,
    }
    return _defined(values)


def _regression(target: NDArray[np.float64], scores: NDArray[np.float64]) -> dict[str, float]:
    """In units of the largest number there is: no square of a huge value overflows and none of a tiny one is 0."""
    error = scores - target
    largest = float(np.abs(target).max()) or 1.0
    mean = float(target[0]) if (target == target[0]).all() else float((target / largest).mean()) * largest
    from_mean = target - mean
    unit = max(float(np.abs(error).max()), float(np.abs(from_mean).max())) or 1.0
    squares, spread = float(np.square(error / unit).mean()), float(np.square(from_mean / unit).mean())
    values: dict[str, float | None] = {
        "rmse": float(np.sqrt(squares)) * unit,
        "mae": float(np.abs(error / unit).mean()) * unit,
        "r2": 1.0 - squares / spread if spread > 0 else None,
    }
    return _defined(values)


def _f1(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    hits = int((truth & found).sum())
    total = int(truth.sum()) + int(found.sum())
    return 2.0 * hits / total if total else 0.0


def _defined(values: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None and np.isfinite(value)}
