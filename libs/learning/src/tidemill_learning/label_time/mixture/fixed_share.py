"""How much each of several versions is to be trusted: weights that follow the labels, one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.label_time.mixture.answers import Answers, of_the_truth
from tidemill_learning.training.examples import Task

SHARE = 0.0003
"""Of all weight, what is dealt out anew at each label, so that who was wrong under another concept is back soon."""

RATE = 0.01
"""How far each label moves the weights. With 1 they are the chances that each version alone is right, and end with one
of two that are as good as each other, where both together are better than either.
"""

SUREST = 0.98
"""No answer counts as surer than this, so that no single label ruins a version."""

FARTHEST = 4.0
"""Mean errors beyond which a regression's error counts no more; about what a sure answer that is wrong loses."""

REMEMBERED = 1_000
"""Labels over which the mean error of a regression is taken."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Path:
    """The weights of `versions` before each of n labels and after the last, [n + 1, versions], and what a regression's
    errors are measured in then, [n + 1].
    """

    versions: tuple[int, ...]
    weights: Floats
    error: Floats


class FixedShare:
    """Weights of versions by the likelihood of the labels under each, held against that under all of them together, so
    that they come near to the best mixture (Orseau, Lattimore, Legg: Soft-Bayes, ALT 2017), of which a share goes round
    at every label, so that they follow it (Herbster, Warmuth: Tracking the best expert, Machine Learning 32, 1998). A
    regression's likelihood is Laplace's, in units of the mean error.

    A function of the sequence of labels: sums are made in one order, however labels are cut. `state`: what `to_state`
    gave.
    """

    def __init__(self, task: Task, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._task = task
        self._weights = {int(version): float(weight) for version, weight in state.get("weights", ())}
        self._error, self._labels = float(state.get("error", 0.0)), int(state.get("labels", 0))

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"weights": [list(one) for one in self._weights.items()], "error": self._error, "labels": self._labels}

    @property
    def weights(self) -> Mapping[int, float]:
        """Of each version; they sum to 1."""
        return dict(self._weights)

    def keep(self, versions: Sequence[int]) -> None:
        """These versions share from now on; a new one begins with an equal part."""
        if tuple(versions) == tuple(self._weights):
            return
        new = 1.0 / max(1, len(versions))
        found = {version: self._weights.get(version, new) for version in versions}
        whole = sum(found.values())
        self._weights = {version: weight / whole for version, weight in found.items()} if whole > 0 else {}

    def ahead(self, target: NDArray[np.generic], answers: Mapping[int, Answers]) -> Path:
        """The weights along the next labels, shape [n]; takes none in. `answers`: of each version."""
        versions = tuple(self._weights)
        found = [of_the_truth(target, answers[version], self._task).tolist() for version in versions]
        told = list(zip(*found, strict=True)) if found else [()] * len(target)
        weights, error, labels = [list(self._weights.values())], [self._error], self._labels
        for of_each in told:
            if self._task == "regression":
                labels += 1
                error.append(_mean_error(error[-1], labels, weights[-1], of_each))
                likely = [math.exp(-_bounded(one, error[-1])) for one in of_each]
            else:
                error.append(0.0)
                likely = [min(SUREST, max(1.0 - SUREST, one)) for one in of_each]
            weights.append(_shared(weights[-1], likely))
        return Path(versions, np.array(weights).reshape(len(told) + 1, len(versions)), np.array(error))

    def learn(self, path: Path, begin: int, end: int) -> None:
        """Take in the labels from `begin` to `end` of those along `path`; those before were taken in."""
        self._weights = dict(zip(path.versions, path.weights[end].tolist(), strict=True))
        self._error, self._labels = float(path.error[end]), self._labels + end - begin


def _shared(weights: Sequence[float], likely: Sequence[float]) -> list[float]:
    whole = sum(weight * one for weight, one in zip(weights, likely, strict=True))
    grown = [weight * (1.0 - RATE + RATE * one / whole) for weight, one in zip(weights, likely, strict=True)]
    part = SHARE / max(1, len(grown))
    return [(1.0 - SHARE) * one + part for one in grown]


def _mean_error(before: float, labels: int, weights: Sequence[float], errors: Sequence[float]) -> float:
    said = [weight * one for weight, one in zip(weights, errors, strict=True) if math.isfinite(one)]
    return before + (sum(said) - before) / min(labels, REMEMBERED)


def _bounded(error: float, mean: float) -> float:
    return min(FARTHEST, error / mean) if mean > 0 and math.isfinite(error) else (FARTHEST if error else 0.0)
