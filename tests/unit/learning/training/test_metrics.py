"""Metrics agree with scikit-learn's, and know their direction."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as theirs

from tidemill.contracts.model_file import DecisionCost
from tidemill_learning.training.metrics import gain, measure


def test_binary_metrics_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    target, scores = random.integers(0, 2, 500), np.round(random.random(500), 2)
    ours = measure("binary", target, scores)
    assert ours["roc_auc"] == pytest.approx(theirs.roc_auc_score(target, scores))
    assert ours["log_loss"] == pytest.approx(theirs.log_loss(target, np.clip(scores, 1e-7, 1 - 1e-7)))
    assert ours["brier"] == pytest.approx(theirs.brier_score_loss(target, scores))
    assert ours["accuracy"] == pytest.approx(theirs.accuracy_score(target, scores >= 0.5))
    assert ours["f1"] == pytest.approx(theirs.f1_score(target, scores >= 0.5))
    assert ours["pr_auc"] == pytest.approx(theirs.average_precision_score(target, scores))
    assert ours["precision"] == pytest.approx(theirs.precision_score(target, scores >= 0.5))
    assert ours["recall"] == pytest.approx(theirs.recall_score(target, scores >= 0.5))
    assert "cost" not in ours


def test_decisions_are_measured_at_the_threshold_that_is_said_and_probabilities_as_they_are() -> None:
    random = np.random.default_rng(3)
    target, scores = random.integers(0, 2, 500), np.round(random.random(500), 2)
    half, low = measure("binary", target, scores), measure("binary", target, scores, (), 0.2, DecisionCost(1.0, 5.0))
    assert low["precision"] == pytest.approx(theirs.precision_score(target, scores >= 0.2))
    assert low["recall"] == pytest.approx(theirs.recall_score(target, scores >= 0.2))
    assert low["recall"] > half["recall"]
    _, wrongly_true, wrongly_false, _ = theirs.confusion_matrix(target, scores >= 0.2).ravel()
    assert low["cost"] == pytest.approx((wrongly_true + 5.0 * wrongly_false) / 500)
    assert all(low[name] == half[name] for name in ("roc_auc", "pr_auc", "log_loss", "brier", "calibration_error"))
    each = np.where(np.arange(500) % 2, 0.2, 0.5)
    assert measure("binary", target, scores, (), each)["recall"] == pytest.approx(
        theirs.recall_score(target, scores >= each)
    )


def test_a_calibrated_model_has_next_to_no_calibration_error() -> None:
    random = np.random.default_rng(4)
    scores = random.random(50_000)
    target = (random.random(50_000) < scores).astype(np.int64)
    assert measure("binary", target, scores)["calibration_error"] < 0.01
    assert measure("binary", target, scores**2)["calibration_error"] == pytest.approx(1 / 6, abs=0.02)
    assert measure("binary", np.array([1, 0]), np.array([1.0, 1.0]))["calibration_error"] == pytest.approx(0.5)


def test_multiclass_metrics_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    classes = ["x", "y", "z"]
    target = random.choice(classes, 400)
    scores = random.dirichlet([1, 1, 1], 400)
    found = np.array(classes)[scores.argmax(axis=1)]
    ours = measure("multiclass", target, scores, classes)
    assert ours["roc_auc"] == pytest.approx(theirs.roc_auc_score(target, scores, multi_class="ovr", average="macro"))
    assert ours["log_loss"] == pytest.approx(theirs.log_loss(target, scores, labels=classes))
    assert ours["f1"] == pytest.approx(theirs.f1_score(target, found, average="macro"))
    assert ours["precision"] == pytest.approx(theirs.precision_score(target, found, average="macro"))
    assert ours["recall"] == pytest.approx(theirs.recall_score(target, found, average="macro"))
    each = [theirs.average_precision_score(target == name, scores[:, k]) for k, name in enumerate(classes)]
    assert ours["pr_auc"] == pytest.approx(np.mean(each))


def test_regression_metrics_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(2)
    target, scores = random.normal(size=200), random.normal(size=200)
    ours = measure("regression", target, scores)
    assert ours["rmse"] == pytest.approx(theirs.root_mean_squared_error(target, scores))
    assert ours["mae"] == pytest.approx(theirs.mean_absolute_error(target, scores))
    assert ours["r2"] == pytest.approx(theirs.r2_score(target, scores))


def test_a_metric_that_the_rows_do_not_define_is_left_out() -> None:
    assert "roc_auc" not in measure("binary", np.ones(5, dtype=np.int64), np.full(5, 0.4))
    nobody = measure("binary", np.zeros(5, dtype=np.int64), np.full(5, 0.4))
    assert not {"roc_auc", "pr_auc", "recall"} & set(nobody) and nobody["precision"] == 0.0
    assert "r2" not in measure("regression", np.ones(5), np.ones(5))


def test_less_is_better_only_where_it_is() -> None:
    assert gain("roc_auc", 0.7, 0.6) == pytest.approx(0.1)
    assert gain("rmse", 1.0, 3.0) == pytest.approx(2.0)
