"""The candidates that a model file may name, each with a few settings, cheapest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.encoding import Encoder, fit_encoder
from tidemill_learning.training.examples import Examples, InputSpec, Task

Params = Mapping[str, Any]

SETTINGS: dict[str, tuple[Params, ...]] = {
    "logistic_regression": ({"C": 1.0},),
    "random_forest": ({"n_estimators": 40, "max_depth": 12, "min_samples_leaf": 40, "max_features": "sqrt"},),
    "gradient_boosting": (
        {"learning_rate": 0.1, "max_leaf_nodes": 15, "min_samples_leaf": 40, "max_iter": 200},
        {"learning_rate": 0.05, "max_leaf_nodes": 31, "min_samples_leaf": 80, "max_iter": 300},
    ),
}
"""``logistic_regression`` is the linear candidate: ridge regression where the task is regression."""

PATIENCE = 10
"""Rounds of boosting without a better log loss on the tune part before it stops."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A learner after fitting. ``estimator`` is scikit-learn's, over ``encoder.matrix``; classes in graph
    order.
    """

    candidate: str
    params: Params
    task: Task
    encoder: Encoder
    estimator: Any
    classes: tuple[str, ...]

    def score(self, inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """P(positive) [n] (binary), probabilities [n, C] (multiclass) or values [n] (regression)."""
        matrix = self.encoder.matrix(inputs)
        with one_thread():
            if self.task == "regression":
                return np.asarray(self.estimator.predict(matrix), dtype=np.float64).reshape(-1)
            probabilities = np.asarray(self.estimator.predict_proba(matrix), dtype=np.float64)
        return probabilities[:, 1] if self.task == "binary" else probabilities


def fit(
    candidate: str,
    params: Params,
    task: Task,
    specs: Sequence[InputSpec],
    rows: Examples,
    tune: Examples | None,
    seed: int,
) -> Fitted:
    """Fit one candidate. ``tune`` lets boosting stop early; without it, it runs ``max_iter`` rounds.

    Deterministic for equal rows, parameters and seed (one thread). Raises ``ValueError`` for classes missing
    in rows.
    """
    linear = candidate == "logistic_regression"
    encoder = fit_encoder(rows, specs, one_hot=linear, impute=candidate != "gradient_boosting")
    matrix = encoder.sparse(rows.inputs) if linear else encoder.matrix(rows.inputs)
    target = _target(task, rows)
    classes = _classes(task, target)
    estimator = _estimator(candidate, params, task, seed, stop_early=tune is not None)
    with one_thread():
        if candidate == "gradient_boosting" and tune is not None:
            known = np.isin(_target(task, tune), target) if task == "multiclass" else np.ones(len(tune), dtype=bool)
            estimator.fit(matrix, target, X_val=encoder.matrix(tune.inputs)[known], y_val=_target(task, tune)[known])
        else:
            estimator.fit(matrix, target)
    return Fitted(candidate, dict(params), task, encoder, estimator, classes)


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
    if fitted.candidate == "gradient_boosting":
        params["max_iter"] = max(1, int(fitted.estimator.n_iter_) - PATIENCE)
    return params


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


def _target(task: Task, rows: Examples) -> NDArray[Any]:
    kinds: dict[Task, Any] = {"binary": np.int64, "multiclass": str, "regression": np.float64}
    return rows.target.astype(kinds[task])


def _classes(task: Task, target: NDArray[Any]) -> tuple[str, ...]:
    if task == "regression":
        return ()
    classes = np.unique(target)
    if len(classes) < 2:
        raise ValueError(f"the rows to fit hold one class only: {classes.tolist()}")
    return ("false", "true") if task == "binary" else tuple(str(name) for name in classes)
