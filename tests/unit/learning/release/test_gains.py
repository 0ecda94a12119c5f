"""Gains of the challenger on labels that both arms were asked about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill_learning.release.gains import OF_EACH_CLASS, auc_gains, brier_gains, nearer_gains

probability = st.floats(0, 1)


def test_a_challenger_that_ranks_better_gains_and_one_that_ranks_worse_loses() -> None:
    labels = [True, False] * OF_EACH_CLASS
    right = [float(y) for y in labels]
    wrong = [1 - p for p in right]
    assert auc_gains(labels, wrong, right) == [1.0]
    assert auc_gains(labels, right, wrong) == [-1.0]
    assert auc_gains(labels, right, right) == [0.0]


def test_a_block_ends_with_enough_labels_of_either_class_and_the_rest_counts_nothing() -> None:
    labels = [False] * 30 + [True] * OF_EACH_CLASS + [True] * 50
    scores = [0.5] * len(labels)
    assert auc_gains(labels, scores, scores) == [0.0]


def test_the_mean_gain_is_the_difference_of_the_aucs() -> None:
    rng = np.random.default_rng(3)
    y = rng.random(40_000) < 0.3
    noise = rng.standard_normal(40_000)
    old, new = y * 1.0 + noise, y * 0.6 + noise
    gains = auc_gains(y.tolist(), old.tolist(), new.tolist())
    assert np.mean(gains) == pytest.approx(0.664 - 0.760, abs=0.01)  # normal: AUC = Phi(lift / sqrt 2)


@given(st.lists(st.tuples(st.booleans(), probability, probability), max_size=200))
def test_gains_are_bounded_and_change_sign_with_the_arms(rows: list[tuple[bool, float, float]]) -> None:
    labels, old, new = ([row[k] for row in rows] for k in range(3))
    gains = auc_gains(labels, old, new)  # type: ignore[arg-type]
    assert all(-1 <= gain <= 1 for gain in gains)
    assert auc_gains(labels, new, old) == pytest.approx([-gain for gain in gains])  # type: ignore[arg-type]


def test_the_brier_gain_rewards_probability_on_what_happened() -> None:
    sure, unsure, wrong = {"a": 1.0, "b": 0.0}, {"a": 0.5, "b": 0.5}, {"a": 0.0, "b": 1.0}
    assert brier_gains(["a", "a", "a"], [unsure, wrong, sure], [sure, sure, sure]) == [0.25, 1.0, 0.0]
    assert brier_gains(["new"], [sure], [{"a": 0.0, "new": 1.0}]) == [1.0]


def test_the_nearer_value_wins_whatever_the_unit() -> None:
    assert nearer_gains([10.0, 10.0, 10.0], [11.0, 10.5, 9.0], [10.1, 10.6, 11.0]) == [1.0, -1.0, 0.0]
