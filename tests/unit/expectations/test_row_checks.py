"""The row form: what is prepared for many values, and values that no column can hold."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.expectations.test_agreement import BOUND, PATTERNS, TEXT, bounds
from tidemill_expectations import Between, Finite, InSet, LengthsBetween, MatchRegex, NotNull, PairGreater, RowChecks
from tidemill_expectations.base import ColumnExpectation
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
def test_a_rule_made_ready_for_many_values_says_what_it_says_of_one(rule: ColumnExpectation, value: object) -> None:
    assert rule.test()(value) == rule.fails(value)
    assert bool(RowChecks([rule]).check({"x": value})) == rule.fails(value)


def test_numbers_beyond_all_floats_are_judged_as_others_are() -> None:
    huge = 10**400
    assert Between("x", 0, 9).fails(huge) and not Between("x", 0).fails(huge)
    assert Finite("x").fails(huge)
    assert InSet("x", frozenset({1})).fails(huge) and not InSet("x", frozenset({huge})).fails(huge)
    assert PairGreater("x", "y").fails_row({"x": 1.5, "y": huge})
    assert not PairGreater("x", "y").fails_row({"x": huge, "y": 1.5})
