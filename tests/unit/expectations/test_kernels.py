"""Patterns mean in Arrow's engine what they mean in Python's, and kernels stand in the order of their rules."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.expectations.test_agreement import assert_forms_agree, failing
from tidemill.patterns.linear import regex
from tidemill_expectations import (
    Between,
    ExpectationError,
    Finite,
    InSet,
    MatchRegex,
    NotMatchRegex,
    NotNull,
    PairGreater,
)
from tidemill_expectations.columns import ColumnChecks

ATOMS = st.sampled_from(["a", "1", " ", "_", ".", r"\.", r"\$", "[a-c]", "[0-9.]", "[+-]"])
REPEATS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{0,2}", "{1,}"])


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.tuples(ATOMS, REPEATS).map("".join), min_size=1, max_size=4),
    ends=st.tuples(st.sampled_from(["", "^"]), st.sampled_from(["", "$"])),
    texts=st.lists(st.none() | st.text("abc1. _$+-\n", max_size=6), max_size=12),
)
def test_common_patterns_mean_in_arrow_what_they_mean_in_python(
    parts: list[str], ends: tuple[str, str], texts: list[str | None]
) -> None:
    pattern = f"{ends[0]}{''.join(parts)}{ends[1]}"
    assert regex(pattern).for_re2 is not None
    for text in texts:
        assert text is None or MatchRegex("x", pattern).fails(text) is (re.search(pattern, text) is None)
    assert_forms_agree(MatchRegex("x", pattern), [*texts], pa.string())


@pytest.mark.parametrize("make", [MatchRegex, NotMatchRegex])
def test_a_text_too_long_to_look_into_breaks_the_rule_and_its_opposite_in_every_form(make: type[MatchRegex]) -> None:
    rule = make("x", "[ab]{900}c")
    most = regex(rule.regex).longest_text
    texts = ["ab", "b" * most, "b" * (most + 1), None]
    wrong = make is MatchRegex
    assert [rule.fails(text) for text in texts] == [wrong, wrong, True, False]
    assert_forms_agree(rule, [*texts], pa.string())
    assert f"characters long: {rule.regex!r} is looked for in {most:,} at most" in rule.explain(texts[2])


def test_masks_stand_in_the_order_of_their_rules() -> None:
    rules = [NotNull("b"), PairGreater("a", "b"), Between("a", 0, 3), InSet("a", frozenset({1, 4})), Finite("a")]
    rows = pa.record_batch({"a": pa.array([1, 2, 4]), "b": pa.array([0, 5, None])})
    assert failing(rules, rows) == [
        [False, False, True], [False, True, True], [False, False, True], [False, True, False], [False] * 3,
    ]  # fmt: skip


def test_whole_numbers_of_every_width_are_compared_exactly_with_bounds_beyond_it() -> None:
    for kind, values in ((pa.int8(), [-128, 127]), (pa.uint16(), [0, 65_535]), (pa.uint64(), [0, 2**64 - 1])):
        rows = pa.record_batch({"x": pa.array([*values, None], kind)})
        for rule in (
            Between("x", -(2.0**70), 2.0**70),
            Between("x", 2.0**70),
            Between("x", 1, 127),
            Between("x", None, -1e30),
        ):
            assert failing([rule], rows) == [[rule.fails(value) for value in [*values, None]]]


def test_a_rule_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ExpectationError, match="no column 'y'"):
        ColumnChecks([NotNull("y")], pa.schema({"x": pa.int64()}))
    with pytest.raises(ExpectationError, match="is not for column 'x' of type string"):
        ColumnChecks([Between("x", 0)], pa.schema({"x": pa.string()}))
