"""Scores of predictions against the truth, by task. Plain numpy: no learner is imported to judge one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidemill.contracts.model_file import DecisionCost
from tidemill_learning.decisions import ONE_HALF, decision_costs
from tidemill_learning.training.examples import Task
from tidemill_learning.training.texts import distinct

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "rmse", "mae", "calibration_error", "cost"})
"""The metrics in which a smaller value wins; in all others the larger one does."""

CALIBRATION_BINS = 10

_EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 in log loss: about the resolution of float32."""


def gain(metric: str, value: float, over: float) -> float:
    """By how much `value` is better than `over` (negative: worse), whatever the metric's direction.

    >>> gain("roc_auc", 0.75, 0.5), gain("rmse", 3.0, 2.0)
    (0.25, -1.0)
    """
    return over - value if metric in LOWER_IS_BETTER else value - over


def measure(
    task: Task, target: NDArray[np.generic], scores: NDArray[np.float64], classes: Sequence[str] = (),
    threshold: float | NDArray[np.float64] = ONE_HALF, cost: DecisionCost | None = None,
) -> dict[str, float]:  # fmt: skip
    """Every metric of the task.

    `scores` as `OnnxModel.score` gives them: P(positive) [n], probabilities [n, C] in the order of
    `classes`, or values [n]. A metric that the rows do not define (one class only) is left out.

    A binary task says true from `threshold` on (one for all, or [n]), and its decisions are what accuracy, f1,
    precision, recall and `cost` (the mean of a row's, where it is stated) are of. `pr_auc` is average precision, over
    several classes the mean of each against the others; `calibration_error` the expected one over ten bins of equal
    width, of several classes the likeliest one's (Naeini, Cooper, Hauskrecht: AAAI 2015).

    >>> measure("regression", np.array([1.0, 3.0]), np.array([2.0, 2.0]))["rmse"]
    1.0
    """
    if task == "regression":
        return _regression(target.astype(np.float64), scores)
    if task == "binary":
        return _binary(target.astype(np.int64), scores, scores >= threshold, cost)
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


def average_precision(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Area under the steps of precision over recall, equal scores taken together; `None` without a positive."""
    count = int(positive.sum())
    if not count:
        return None
    _, places, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    hits = np.bincount(places[positive], minlength=len(sizes))
    return float((np.cumsum(hits) / np.cumsum(sizes) * hits).sum() / count)


def _calibration_error(right: NDArray[np.bool_], promised: NDArray[np.float64]) -> float:
    """How far, on average over rows, what was promised lies from what came, in bins of what was promised."""
    bins = np.clip((promised * CALIBRATION_BINS).astype(np.int64), 0, CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=right - promised, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(right))


def _binary(
    target: NDArray[np.int64], scores: NDArray[np.float64], found: NDArray[np.bool_], cost: DecisionCost | None
) -> dict[str, float]:
    positive = target == 1
    clipped = np.clip(scores, _EPSILON, 1.0 - _EPSILON)
    values: dict[str, float | None] = {
        "roc_auc": roc_auc(positive, scores),
        "log_loss": float(-np.where(positive, np.log(clipped), np.log1p(-clipped)).mean()),
        "brier": float(np.square(scores - positive).mean()),
        "accuracy": float((found == positive).mean()),
        "f1": _f1(positive, found),
        "pr_auc": average_precision(positive, scores),
        "precision": _precision(positive, found),
        "recall": _recall(positive, found) if positive.any() else None,
        "calibration_error": _calibration_error(positive, scores),
        "cost": None if cost is None else float(decision_costs(positive, found, cost).mean()),
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
    present = [k for k in range(len(classes)) if truth[:, k].any()]
    told = {name: [of(truth[:, k], found == k) for k in present] for name, of in _DECIDED.items()}
    under = [average_precision(truth[:, k], scores[:, k]) or 0.0 for k in present]
    values: dict[str, float | None] = {
        "roc_auc": float(np.mean(areas)) if areas else None,
        "log_loss": float(-np.log(np.clip(of_truth, _EPSILON, 1.0)).mean()),
        "brier": float(np.square(scores - truth).sum(axis=1).mean()),
        "accuracy": float((found == true).mean()),
        "pr_auc": float(np.mean(under)) if under else None,
        **{name: float(np.mean(each)) if each else None for name, each in told.items()},
        "calibration_error": _calibration_error(found == true, scores.max(axis=1)),
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


def _precision(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Of those that were found, how many it is true of; 0 where none was found, as nothing of it was right."""
    return int((truth & found).sum()) / max(1, int(found.sum()))


def _recall(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Of those that it is true of, how many were found; 0 where it is true of none."""
    return int((truth & found).sum()) / max(1, int(truth.sum()))


_DECIDED = {"f1": _f1, "precision": _precision, "recall": _recall}


def _defined(values: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None and np.isfinite(value)}
