"""The gate."""

from __future__ import annotations

import pytest

from tidemill_learning.gate import judge


def test_the_first_version_must_only_reach_the_floor() -> None:
    assert judge("roc_auc", 0.61, None, at_least=0.6, better_by=0.5, rows=100).passed
    assert not judge("roc_auc", 0.59, None, at_least=0.6, better_by=0.0, rows=100).passed


@pytest.mark.parametrize(("challenger", "passed"), [(0.70, True), (0.72, True), (0.699, False)])
def test_a_margin_of_nothing_lets_an_equal_challenger_pass(challenger: float, passed: bool) -> None:
    assert judge("roc_auc", challenger, 0.70, at_least=None, better_by=0.0, rows=100).passed is passed


def test_less_is_better_for_errors() -> None:
    assert judge("rmse", 1.0, 2.0, at_least=1.5, better_by=0.5, rows=100).passed
    assert not judge("rmse", 1.6, 2.0, at_least=1.5, better_by=0.0, rows=100).passed
    assert not judge("rmse", 1.4, 1.5, at_least=None, better_by=0.5, rows=100).passed


def test_a_metric_that_is_not_defined_never_passes_and_says_so() -> None:
    verdict = judge("roc_auc", None, 0.7, at_least=None, better_by=0.0, rows=3)
    assert not verdict.passed and "not defined on the 3" in verdict.reason
