"""P-values of many tests, adjusted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from tidemill.stats.many_tests import adjusted

ROUNDING = 1e-12
"""A value as near to q as this is on either side of it by how products are rounded."""

P_VALUES = st.lists(st.floats(0.0, 1.0), max_size=40)


@given(P_VALUES)
def test_they_are_scipys(p_values: list[float]) -> None:
    expected = stats.false_discovery_control(p_values) if p_values else []
    assert adjusted(p_values) == pytest.approx(list(expected))


@given(P_VALUES, st.floats(0.001, 0.5))
def test_whoever_takes_those_up_to_q_takes_what_the_step_up_procedure_takes(p_values: list[float], q: float) -> None:
    ordered = sorted(p_values)
    raised = [p * len(p_values) / (k + 1) for k, p in enumerate(ordered)]
    assume(all(abs(value - q) > ROUNDING for value in raised))
    passed = [k + 1 for k, value in enumerate(raised) if value <= q]
    limit = ordered[max(passed) - 1] if passed else -1.0
    assert [value <= q for value in adjusted(p_values)] == [p <= limit for p in p_values]


@given(P_VALUES)
def test_none_becomes_smaller_and_their_order_stays(p_values: list[float]) -> None:
    found = adjusted(p_values)
    assert all(p <= value <= 1 for p, value in zip(p_values, found, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert [found[k] for k in order] == sorted(found)


def test_where_nothing_has_moved_something_is_found_in_one_of_twenty_families() -> None:
    families = np.random.default_rng(2).random((4_000, 25))
    found = sum(min(adjusted(list(family))) <= 0.05 for family in families)
    assert 0.04 < found / len(families) < 0.06
