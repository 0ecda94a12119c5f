"""The candidates that a model file may name, each with a few settings, cheapest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.encoding import Encoder, Form, fit_encoder
from tidemill_learning.training.examples import Examples, InputSpec, Task
from tidemill_learning.training.scaling import TINY, shortest, spread_of
from tidemill_learning.training.texts import distinct

Params = Mapping[str, Any]

ClassWeights = Literal["balanced"] | tuple[tuple[str, float], ...] | None
"""As `Training.class_weights`."""

MAX_CLASSES = 1_000
"""A target with more of them is a name or a number, and no class."""

SETTINGS: dict[str, tuple[Params, ...]] = {
    "logistic_regression": ({"C": 1.0},),
    "random_forest": ({"n_estimators": 40, "max_depth": 12, "min_samples_leaf": 40, "max_features": "sqrt"},),
    "gradient_boosting": (
        {"learning_rate": 0.1, "max_leaf_nodes": 15, "min_samples_leaf": 40, "max_iter": 200},
        {"learning_rate": 0.05, "max_leaf_nodes": 31, "min_samples_leaf": 80, "max_iter": 300},
    ),
}
"""`logistic_regression` is the linear candidate: ridge regression where the task is regression."""

SHARE_OF_A_LEAF = 50
LEAST_IN_A_LEAF = 5
"""A leaf holds a fiftieth of the rows at most where they are few, so that trees can tell anything from them."""

LEAST_TO_STOP_BY = 100
"""Rows of the tune part, fewer of which say nothing of when to stop; then boosting runs `ROUNDS_UNSTOPPED`."""

ROUNDS_UNSTOPPED = 60

PATIENCE = 10
"""Rounds of boosting without a better log loss on the tune part before it stops."""


FORMS: Mapping[str, Form] = {
    "logistic_regression": "linear", "random_forest": "single", "gradient_boosting": "trees",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fitted:
    """A learner after fitting. `estimator` is scikit-learn's, over `encoder.matrix`; classes in graph order.

    A regression is learned in units of its target's spread: a value is `centre` + `scale` times what the estimator
    says. `weights`: by which rows of each class counted, in the order of `classes`, none where all counted alike. What
    they add to the odds of a class is taken out of the scores again, which so stay probabilities (Elkan, 2001).
    """

    candidate: str
    params: Params
    task: Task
    encoder: Encoder
    estimator: Any
    classes: tuple[str, ...]
    centre: float = 0.0
    scale: float = 1.0
    weights: tuple[float, ...] = ()

    def score(self, inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """P(positive) [n] (binary), probabilities [n, C] (multiclass) or values [n] (regression)."""
        matrix = self.encoder.matrix(inputs)
        with one_thread():
            if self.task == "regression":
                raw = np.asarray(self.estimator.predict(matrix), dtype=np.float64).reshape(-1)
                return raw * self.scale + self.centre
            probabilities = np.asarray(self.estimator.predict_proba(matrix), dtype=np.float64)
        if self.weights:
            probabilities = probabilities / np.array(self.weights)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities[:, 1] if self.task == "binary" else probabilities


def fit(
    candidate: str,
    params: Params,
    task: Task,
    specs: Sequence[InputSpec],
    rows: Examples,
    tune: Examples | None,
    seed: int,
    class_weights: ClassWeights = None,
) -> Fitted:
    """Fit one candidate. `tune` lets boosting stop early; without it, it runs `max_iter` rounds. `class_weights`: see
    `Training`; a class that no row is of has none.

    Deterministic for equal rows, parameters and seed (one thread). Raises `ValueError` for classes missing in rows
    and for a target that never changes.
    """
    if tune is not None and len(tune) < LEAST_TO_STOP_BY:
        tune, params = None, _unstopped(params)
    centre, scale = _target_frame(task, rows)
    classes = _classes(task, rows)
    encoder = fit_encoder(rows, specs, FORMS[candidate])
    matrix = encoder.sparse(rows.inputs) if candidate == "logistic_regression" else encoder.matrix(rows.inputs)
    target = _target(task, rows, classes, centre, scale)
    weights = _weights(class_weights, classes, target)
    of_rows = np.array(weights)[target] if weights else None
    estimator = _estimator(candidate, _for_rows(params, len(rows)), task, seed, stop_early=tune is not None)
    with one_thread():
        if candidate == "gradient_boosting" and tune is not None:
            expected = _target(task, tune, classes, centre, scale)
            known = expected >= 0 if task == "multiclass" else np.ones(len(tune), dtype=bool)
            held = {"X_val": encoder.matrix(tune.inputs)[known], "y_val": expected[known]}
            if weights:
                held["sample_weight_val"] = np.array(weights)[expected[known]]
            estimator.fit(matrix, target, sample_weight=of_rows, **held)
        else:
            estimator.fit(matrix, target, sample_weight=of_rows)
    return Fitted(candidate, dict(params), task, encoder, estimator, classes, centre, scale, weights)


def one_thread() -> AbstractContextManager[object]:
    """Numeric libraries work on one thread within the block: results do not depend on the machine's cores,
    and threads that spin for each other do not starve whoever else needs them.
    """
    limited: AbstractContextManager[object] = _controller().limit(limits=1)
    return limited


@cache
def _controller() -> Any:
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401 -- the controller knows the libraries that are loaded when it is made
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def refit_params(fitted: Fitted) -> dict[str, Any]:
    """Parameters that repeat this fit without a tune part: boosting keeps the number of rounds that it
    stopped at.
    """
    params = dict(fitted.params)
    if fitted.candidate == "gradient_boosting" and fitted.estimator.do_early_stopping_:
        params["max_iter"] = max(1, int(fitted.estimator.n_iter_) - PATIENCE)
    return params


def _unstopped(params: Params) -> Params:
    return {**params, "max_iter": min(params["max_iter"], ROUNDS_UNSTOPPED)} if "max_iter" in params else params


def _for_rows(params: Params, rows: int) -> Params:
    if "min_samples_leaf" not in params:
        return params
    leaf = min(params["min_samples_leaf"], max(LEAST_IN_A_LEAF, rows // SHARE_OF_A_LEAF))
    return {**params, "min_samples_leaf": leaf}


def _estimator(candidate: str, params: Params, task: Task, seed: int, *, stop_early: bool) -> Any:
    regression = task == "regression"
    if candidate == "logistic_regression":
        from sklearn.linear_model import LogisticRegression, Ridge

        return Ridge(alpha=1.0 / params["C"]) if regression else LogisticRegression(max_iter=200, **params)
    if candidate == "random_forest":
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        forest = RandomForestRegressor if regression else RandomForestClassifier
        return forest(n_jobs=1, random_state=seed, max_samples=0.5, **params)
    if candidate == "gradient_boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        boosting = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return boosting(random_state=seed, early_stopping=stop_early, n_iter_no_change=PATIENCE, **params)
    raise ValueError(f"unknown candidate {candidate!r}: known are {', '.join(SETTINGS)}")


def _target_frame(task: Task, rows: Examples) -> tuple[float, float]:
    """Where the values to be learned lie and how far they spread: what they are learned in units of."""
    if task != "regression":
        return 0.0, 1.0
    values = rows.target.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the target holds values that are not finite")
    low, high = shortest(values)
    spread = spread_of(values)
    if not spread:
        raise ValueError(f"the target is {low:g} in every row to fit: there is nothing to learn")
    return low + (high - low) / 2, max(spread, TINY)


def _target(task: Task, rows: Examples, classes: tuple[str, ...], centre: float, scale: float) -> NDArray[Any]:
    """What the estimator is given: 0 and 1, the position of the class (-1: not among them), or units of the spread."""
    if task == "regression":
        return np.asarray((rows.target.astype(np.float64) - centre) / scale)
    if task == "binary":
        return rows.target.astype(np.int64)
    names, positions = distinct(rows.target)
    place = {name: k for k, name in enumerate(classes)}
    return np.array([place.get(name, -1) for name in names], dtype=np.int64)[positions]


def _weights(stated: ClassWeights, classes: tuple[str, ...], target: NDArray[Any]) -> tuple[float, ...]:
    """What a row of each class counts, in the order of `classes`; none where all count alike."""
    if stated is None or not classes:
        return ()
    if stated == "balanced":
        counts = np.bincount(target, minlength=len(classes))
        return tuple((len(target) / (len(classes) * counts)).tolist())
    named = dict(stated)
    return tuple(named.get(name, 1.0) for name in classes)


def _classes(task: Task, rows: Examples) -> tuple[str, ...]:
    if task == "regression":
        return ()
    found = distinct(rows.target)[0] if task == "multiclass" else [str(bool(one)) for one in np.unique(rows.target)]
    if len(found) < 2:
        raise ValueError(f"the rows to fit hold one class only: {', '.join(found)[:200]}")
    if len(found) > MAX_CLASSES:
        raise ValueError(
            f"the target has {len(found):,} classes, more than {MAX_CLASSES:,}: a regression, or fewer classes"
        )
    return ("false", "true") if task == "binary" else tuple(found)
