"""The sketch counts exactly, forgets order and parts, and knows quantiles to its accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.stats.sketch import ACCURACY, MAX_BUCKETS, Sketch

numbers = st.lists(
    st.floats(allow_nan=False, allow_infinity=False, width=32, min_value=-1e6, max_value=1e6), max_size=300
)


def sketch_of(*parts: list[float]) -> Sketch:
    sketch = Sketch()
    for part in parts:
        sketch.add(np.array(part, dtype=np.float64))
    return sketch


@given(numbers, st.integers(0, 300), st.randoms(use_true_random=False))
def test_order_and_parts_make_no_difference(values: list[float], cut: int, rng: object) -> None:
    shuffled = values.copy()
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sketch_of(values).to_datum() == sketch_of(shuffled[:cut], shuffled[cut:]).to_datum()


@given(numbers, numbers)
def test_merging_is_as_if_one_had_seen_all(left: list[float], right: list[float]) -> None:
    merged = sketch_of(left)
    merged.merge(sketch_of(right))
    assert merged.to_datum() == sketch_of(left + right).to_datum()


@given(numbers)
def test_it_survives_being_written(values: list[float]) -> None:
    datum = sketch_of(values).to_datum()
    assert Sketch.from_datum(datum).to_datum() == datum


@given(numbers, st.floats(-1e6, 1e6, width=32))
def test_what_it_counts_below_a_limit_is_exact_for_the_limit_it_names(values: list[float], limit: float) -> None:
    counts, used = sketch_of(values).below(np.array([limit]))
    slack = 1e-9 * max(1.0, abs(used[0]))
    assert used[0] >= limit - slack
    low = sum(value <= used[0] - slack for value in values)
    high = sum(value <= used[0] + slack for value in values)
    assert low <= counts[0] <= high


def test_a_limit_moves_by_no_more_than_the_accuracy() -> None:
    sketch = sketch_of(np.random.default_rng(0).normal(1013, 7, 50_000).tolist())
    counts, used = sketch.below(np.array([1005.0, 1013.0, 1020.0]))
    assert sketch.accuracy == pytest.approx(ACCURACY)
    assert np.abs(used / [1005.0, 1013.0, 1020.0] - 1).max() < 2.1 * ACCURACY
    assert counts[1] / 50_000 == pytest.approx(0.5, abs=0.08)


def test_its_size_is_bounded_and_its_accuracy_pays_for_it() -> None:
    sketch = sketch_of(np.random.default_rng(1).lognormal(0, 5, 100_000).tolist())
    assert len(sketch.positive) <= MAX_BUCKETS
    assert sketch.accuracy > ACCURACY
    assert sketch.count == 100_000


def test_an_empty_sketch_has_finite_fields() -> None:
    assert Sketch().to_datum()["low"] == 0.0
