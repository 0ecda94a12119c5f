"""Two samples, one distribution or not: held against scipy, and against chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from tidemill.stats.two_samples import LEAST_EXPECTED, chi_square, chi_square_tail, kolmogorov_tail

COUNTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=12)


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    both = np.array(pairs, dtype=np.float64)
    return both[:, 0], both[:, 1]


@given(st.floats(0.0, 2_000.0), st.integers(1, 250))
@example(5e-324, 2)
def test_the_tail_is_scipys(statistic: float, freedom: int) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(stats.chi2.sf(statistic, freedom), rel=1e-8, abs=1e-12)


@given(st.lists(st.tuples(st.integers(50, 400), st.integers(50, 400)), min_size=2, max_size=12))
def test_where_every_bin_is_full_the_test_is_scipys(pairs: list[tuple[int, int]]) -> None:
    one, other = arrays(pairs)
    told = stats.chi2_contingency(np.array([one, other]), correction=False)
    statistic, p = chi_square(one, other)
    assert statistic == pytest.approx(told.statistic, rel=1e-9, abs=1e-9)
    assert p == pytest.approx(told.pvalue, rel=1e-6, abs=1e-12)


@given(COUNTS)
def test_which_sample_comes_first_and_how_bins_are_ordered_makes_no_difference(pairs: list[tuple[int, int]]) -> None:
    one, other = arrays(pairs)
    found = chi_square(one, other)
    assert chi_square(other, one) == pytest.approx(found)
    order = np.argsort(one + other, kind="stable")
    assert chi_square(one[order], other[order]) == pytest.approx(found)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.integers(1, 5))
def test_equal_shares_are_no_change(counts: list[int], times: int) -> None:
    one = np.array(counts, dtype=np.float64)
    assert chi_square(one, one * times)[1] == pytest.approx(1.0)


@given(COUNTS)
def test_a_p_value_is_one(pairs: list[tuple[int, int]]) -> None:
    statistic, p = chi_square(*arrays(pairs))
    assert statistic >= 0 and 0 <= p <= 1


def test_of_many_rare_values_no_change_is_made() -> None:
    rng = np.random.default_rng(4)
    shares = 1.0 / np.arange(1, 400)
    shares /= shares.sum()
    draws = [(rng.multinomial(500, shares), rng.multinomial(1_500, shares)) for _ in range(1_000)]
    p = [chi_square(a.astype(np.float64), b.astype(np.float64))[1] for a, b in draws]
    assert LEAST_EXPECTED == 5
    assert np.mean(np.array(p) < 0.05) < 0.07


def test_of_samples_of_one_distribution_one_in_twenty_is_below_five_percent() -> None:
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(8))
    draws = [(rng.multinomial(900, shares), rng.multinomial(2_000, shares)) for _ in range(2_000)]
    p = [chi_square(a.astype(np.float64), b.astype(np.float64))[1] for a, b in draws]
    assert 0.035 < np.mean(np.array(p) < 0.05) < 0.065


@pytest.mark.parametrize(("n", "m"), [(60, 60), (300, 800), (5_000, 400)])
@pytest.mark.parametrize("scaled", [0.6, 1.0, 1.36, 1.8])
def test_the_kolmogorov_smirnov_p_value_is_that_of_the_exact_test(n: int, m: int, scaled: float) -> None:
    distance = scaled * np.sqrt((n + m) / (n * m))
    exact = stats.kstwo.sf(distance, round(n * m / (n + m)))
    assert kolmogorov_tail(distance, n, m) == pytest.approx(exact, abs=0.02)
