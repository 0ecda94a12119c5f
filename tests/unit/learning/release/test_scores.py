"""How far apart two arms' scores are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tidemill_learning.release.scores import band, distance, proven_distance


def test_equal_scores_are_no_distance_apart_and_separate_ones_are_all_of_it() -> None:
    assert distance({1: 5, 2: 5}, {1: 50, 2: 50}) == 0.0
    assert distance({1: 5}, {2: 7}) == 1.0
    assert distance({}, {1: 1}) == 0.0


def test_nothing_is_proven_of_few_scores_and_a_large_shift_is_of_many() -> None:
    assert proven_distance({0: 20}, {1: 20}, 0.01) < 0.2
    assert proven_distance({0: 5_000}, {1: 5_000}, 0.01) > 0.9
    assert band(0, 0.01) == 1.0 and band(10**6, 0.01) < 0.01


def test_two_arms_with_the_same_distribution_are_never_proven_apart() -> None:
    rng = np.random.default_rng(5)
    one: Counter[int] = Counter()
    other: Counter[int] = Counter()
    for _ in range(100):
        one.update(rng.integers(0, 50, 100).tolist())
        other.update(rng.integers(0, 50, 100).tolist())
        assert proven_distance(one, other, 0.05) == pytest.approx(0.0)


def test_the_band_holds_the_true_distribution_at_every_n_at_once_in_more_than_95_of_100_streams() -> None:
    outside = 0
    looks = np.unique(np.geomspace(1, 5_000, 60).astype(int))
    for seed in range(200):
        values = np.random.default_rng(seed).random(5_000)
        outside += any(_farthest(values[:n]) > band(int(n), 0.05) for n in looks)
    assert outside <= 10


def _farthest(values: np.ndarray) -> float:
    """The largest distance of the empirical distribution of uniform values from the true one."""
    ordered, n = np.sort(values), len(values)
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))
