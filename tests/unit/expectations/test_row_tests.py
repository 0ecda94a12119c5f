"""What surely holds does hold: the short test of a value never lets through what its rule fails."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.expectations.test_agreement import BOUND, PATTERNS, TEXT, bounds
from tidemill_expectations import Between, Finite, InSet, LengthsBetween, MatchRegex, NotNull, RowChecks
from tidemill_expectations.base import ColumnExpectation
from tidemill_expectations.kernels.row_tests import holding
from tidemill_expectations.rules.in_set import NotInSet
from tidemill_expectations.rules.regex import NotMatchRegex

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, BOUND, st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["ABC", "a", "", 1, 1.0, True, 3.5e38]),
)  # fmt: skip
SETS = st.one_of(
    st.frozensets(TEXT, min_size=1), st.frozensets(st.integers(-3, 3) | st.just(0.5), min_size=1),
    st.just(frozenset({True})),
)  # fmt: skip
RULES: st.SearchStrategy[ColumnExpectation] = st.one_of(
    bounds(BOUND),
    st.builds(InSet, st.just("x"), SETS),
    st.builds(NotInSet, st.just("x"), SETS),
    st.sampled_from(PATTERNS).map(lambda pattern: MatchRegex("x", pattern)),
    st.sampled_from(PATTERNS).map(lambda pattern: NotMatchRegex("x", pattern)),
    st.sampled_from([LengthsBetween("x", 1), LengthsBetween("x", max_value=2), LengthsBetween("x", 1, 3)]),
    st.sampled_from([Finite("x"), NotNull("x")]),
)


@settings(max_examples=1_000, deadline=None)
@given(rule=RULES, value=VALUES)
def test_what_surely_holds_is_not_failed_by_the_rule(rule: ColumnExpectation, value: object) -> None:
    assert not (holding(rule)(value) and rule.fails(value))
    assert bool(RowChecks([rule]).check({"x": value})) == rule.fails(value)


@pytest.mark.parametrize(
    ("rule", "good", "unsure"),
    [
        (Between("x", 0, 9), [0, 9, 0.0, 8.5, None], [-1, 9.5, "5", True, float("nan"), datetime.now(UTC)]),
        (Between("x", 0, 9, strict_max=True), [0, 8, None], [9, 9.0, 10]),
        (Finite("x"), [1, 2.5, None, True], [float("inf"), 3.5e38, "1"]),
        (InSet("x", frozenset({"a"})), ["a", None], ["b", 1]),
        (LengthsBetween("x", 1, 2), ["a", None], ["", "abc", 1]),
        (MatchRegex("x", "^a"), ["ab", None], ["b", 1]),
        (NotNull("x"), [0, "", False], [None, float("nan")]),
    ],
    ids=lambda case: case.name if isinstance(case, ColumnExpectation) else "",
)
def test_common_values_are_settled_by_the_short_test(
    rule: ColumnExpectation, good: list[object], unsure: list[object]
) -> None:
    assert [holding(rule)(value) for value in good] == [True] * len(good)
    assert [holding(rule)(value) for value in unsure] == [False] * len(unsure)
