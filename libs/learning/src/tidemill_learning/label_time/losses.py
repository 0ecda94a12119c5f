"""How wrong an answer was, and how much more wrong than it promised to be: numbers in [0, 1], one a label.

A label is worth something to a detector and to a comparison at once, with no window to fill. The loss of a class is
Brier's, halved to lie in [0, 1] (Brier: Monthly Weather Review 78, 1950): a proper score, so that a model cannot gain
by saying other than it knows. What is watched for change is the loss beyond the one that the model itself expected: a
day of events that are hard to tell is no drift of the model, for an honest model says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.examples import Task
from tidemill_learning.training.texts import distinct

Floats = NDArray[np.float64]


def losses(
    task: Task, target: NDArray[np.generic], scores: Floats, classes: Sequence[str] = (), spread: float = 1.0
) -> Floats:
    """Per label the loss in [0, 1], shape [n].

    `scores`: P(positive) [n] (binary), probabilities [n, C] in the order of `classes` (multiclass), values [n]
    (regression). A class that the model does not know has the loss of a certain error of what it said. An error of a
    regression counts error / (error + `spread`), `spread` > 0 in the target's unit: it has no bound otherwise.

    >>> losses("binary", np.array([1, 0]), np.array([0.8, 0.8]))
    array([0.04, 0.64])
    """
    if task == "regression":
        error = np.abs(target.astype(np.float64) - scores)
        found = error / (error + spread)
        worst: Floats = np.where(np.isfinite(found), found, 1.0)
        return worst
    if task == "binary":
        return np.asarray(np.square(target.astype(np.float64) - scores), dtype=np.float64)
    truth = _places(target, classes)[:, None] == np.arange(len(classes))[None, :]
    missed = ~truth.any(axis=1)
    missed_by: Floats = 0.5 * (np.square(truth - scores).sum(axis=1) + missed)
    return np.minimum(missed_by, 1.0)


def surprises(task: Task, loss: Floats, scores: Floats) -> Floats:
    """Per label how far its `loss` lies above what the scores promised, moved into [0, 1]: 0.5 is as promised.

    A regression promises nothing: its loss itself.
    """
    if task == "regression":
        return loss
    if task == "binary":
        expected = scores * (1.0 - scores)
    else:
        expected = 0.5 * (scores * (1.0 - scores)).sum(axis=1)
    return np.clip((loss - expected + 1.0) / 2.0, 0.0, 1.0)


def _places(target: NDArray[np.generic], classes: Sequence[str]) -> NDArray[np.int64]:
    names, positions = distinct(target)
    known = {name: k for k, name in enumerate(classes)}
    return np.array([known.get(str(name), -1) for name in names], dtype=np.int64)[positions]
