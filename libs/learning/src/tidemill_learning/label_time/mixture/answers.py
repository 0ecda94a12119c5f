"""What a version says of some rows, and what several say together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.examples import Task
from tidemill_learning.training.texts import distinct

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """A version's scores of some rows, as `losses` takes them, and its classes in their order."""

    scores: Floats
    classes: tuple[str, ...] = ()


def together(answers: Mapping[int, Answers], weights: Mapping[int, Floats]) -> Answers:
    """The weighted mean of what some versions say of n rows: `weights` [n] of each, which sum to 1 in every row. Who
    weighs nothing in a row is not asked there. A class that a version does not know has probability 0 with it.

    >>> said = {1: Answers(np.array([0.2])), 2: Answers(np.array([0.6]))}
    >>> together(said, {1: np.array([0.75]), 2: np.array([0.25])}).scores.round(6)
    array([0.3])
    """
    classes = tuple(dict.fromkeys(name for v in weights for name in answers[v].classes))
    found: Floats | None = None
    for version, weight in weights.items():
        scores = spread_out(answers[version].scores, answers[version].classes, classes)
        of_each = weight if scores.ndim == 1 else weight[:, None]
        part = np.where(of_each > 0, of_each * scores, 0.0)
        found = part if found is None else found + part
    if found is None:
        raise ValueError("nobody was asked")
    return Answers(found, classes)


def spread_out(scores: Floats, own: tuple[str, ...], classes: tuple[str, ...]) -> Floats:
    """Columns of a version's `own` classes, [n, C], as those of `classes`; of one that it does not know 0. What has no
    classes, [n], as it is.
    """
    if scores.ndim == 1 or own == classes:
        return scores
    place = {name: k for k, name in enumerate(classes)}
    wide = np.zeros((len(scores), len(classes)))
    for k, name in enumerate(own):
        wide[:, place[name]] = scores[:, k]
    return wide


def of_the_truth(target: NDArray[np.generic], said: Answers, task: Task) -> Floats:
    """Per label the probability that a version gave to what is true, [n], 0 for a class that it does not know; how far
    it was off, of a regression.
    """
    scores = said.scores
    if task == "regression":
        return np.asarray(np.abs(target.astype(np.float64) - scores))
    if task == "binary":
        return np.where(target.astype(np.float64) > 0, scores, 1.0 - scores)
    names, positions = distinct(target)
    wide = np.hstack([scores, np.zeros((len(scores), 1))])
    known = {name: k for k, name in enumerate(said.classes)}
    places = np.array([known.get(str(name), len(said.classes)) for name in names], dtype=np.int64)
    found: Floats = wide[np.arange(len(scores)), places[positions]] if len(scores) else np.empty(0)
    return found
