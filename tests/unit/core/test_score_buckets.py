from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidemill.stats.score_buckets import score_buckets

pairs = st.tuples(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))


@given(pairs)
def test_buckets_of_values_are_in_their_order(pair: tuple[float, float]) -> None:
    low, high = score_buckets("regression", np.array(sorted(pair)))
    assert low <= high


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_buckets_of_probabilities_are_in_their_order_and_200(pair: tuple[float, float]) -> None:
    low, high = score_buckets("binary", np.array(sorted(pair)))
    assert 0 <= low <= high <= 199


def test_values_a_tenth_apart_lie_apart_and_signs_are_told() -> None:
    buckets = score_buckets("regression", np.array([-110.0, -100.0, 0.0, 1e-12, 100.0, 110.0]))
    assert len(set(buckets.tolist())) == 5 and buckets[2] == buckets[3] == 0
    assert buckets.tolist() == sorted(buckets.tolist())


def test_of_classes_the_likeliest_counts() -> None:
    assert score_buckets("multiclass", np.array([[0.2, 0.8], [0.9, 0.1]])).tolist() == [1, 0]
