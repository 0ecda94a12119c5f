from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidemill.stats.score_bins import score_bins

pairs = st.tuples(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))


@given(pairs)
def test_bins_of_values_are_in_their_order(pair: tuple[float, float]) -> None:
    low, high = score_bins("regression", np.array(sorted(pair)))
    assert low <= high


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_bins_of_probabilities_are_in_their_order_and_200(pair: tuple[float, float]) -> None:
    low, high = score_bins("binary", np.array(sorted(pair)))
    assert 0 <= low <= high <= 199


def test_values_a_tenth_apart_lie_apart_and_signs_are_told() -> None:
    bins = score_bins("regression", np.array([-110.0, -100.0, 0.0, 1e-12, 100.0, 110.0]))
    assert len(set(bins.tolist())) == 5 and bins[2] == bins[3] == 0
    assert bins.tolist() == sorted(bins.tolist())


def test_of_classes_the_likeliest_counts() -> None:
    assert score_bins("multiclass", np.array([[0.2, 0.8], [0.9, 0.1]])).tolist() == [1, 0]
