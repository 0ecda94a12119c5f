"""The gate."""

from __future__ import annotations

import numpy as np
import pytest

from tidemill_learning.gate import apply_gate, one_answer


def test_the_first_version_must_only_reach_the_floor() -> None:
    assert apply_gate("roc_auc", 0.61, None, at_least=0.6, better_by=0.5, rows=100).passed
    assert not apply_gate("roc_auc", 0.59, None, at_least=0.6, better_by=0.0, rows=100).passed


@pytest.mark.parametrize(("challenger", "passed"), [(0.70, True), (0.72, True), (0.699, False)])
def test_a_margin_of_nothing_lets_an_equal_challenger_pass(challenger: float, passed: bool) -> None:
    assert apply_gate("roc_auc", challenger, 0.70, at_least=None, better_by=0.0, rows=100).passed is passed


def test_less_is_better_for_errors() -> None:
    assert apply_gate("rmse", 1.0, 2.0, at_least=1.5, better_by=0.5, rows=100).passed
    assert not apply_gate("rmse", 1.6, 2.0, at_least=1.5, better_by=0.0, rows=100).passed
    assert not apply_gate("rmse", 1.4, 1.5, at_least=None, better_by=0.5, rows=100).passed


def test_a_metric_that_is_not_defined_never_passes_and_says_so() -> None:
    result = apply_gate("roc_auc", None, 0.7, at_least=None, better_by=0.0, rows=3)
    assert not result.passed and "not defined on the 3" in result.reason


def test_no_rule_at_all_still_has_something_to_say() -> None:
    result = apply_gate("roc_auc", 0.8123, None, at_least=None, better_by=0.0, rows=300)
    assert result.passed and not result.results
    assert result.reason == "roc_auc 0.8123 on 300 rows; no champion to beat"


def test_rows_of_one_class_are_evidence_about_classes_and_not_about_the_metric() -> None:
    result = apply_gate("roc_auc", None, None, at_least=0.6, better_by=0.0, rows=300, classes=("false",))
    (finding,) = result.results
    assert (finding.metric, finding.statistic, finding.threshold) == ("classes", 1.0, 2.0)
    assert "all are of one class (false)" in result.reason


def test_scores_of_any_size_are_shown_in_digits_that_count() -> None:
    assert (
        "rmse 3.5e-09 against the champion's 4e-09"
        in apply_gate("rmse", 3.5e-9, 4e-9, at_least=None, better_by=0.0, rows=100).reason
    )


@pytest.mark.parametrize(
    ("scores", "constant"),
    [
        (np.full(300, 0.3), True),
        (np.array([0.3] * 298 + [0.9] * 2), True),
        (np.array([0.3] * 290 + [0.9] * 10), False),
        (np.linspace(0, 1, 300), False),
        (np.tile([0.2, 0.8], (300, 1)), True),
        (np.array([0.1, 0.1]), True),
        (np.array([0.1, 0.2]), False),
    ],
)
def test_an_answer_that_is_the_same_for_every_row_is_no_model(scores: np.ndarray, constant: bool) -> None:
    assert bool(one_answer(scores)) is constant
