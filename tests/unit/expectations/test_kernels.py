"""The kernels over Arrow columns say what polars says, whatever the values, for whole columns and for parts."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.patterns.linear import regex
from tidemill_expectations import (
    Between,
    Expectation,
    ExpectationError,
    Finite,
    InSet,
    LengthsBetween,
    LengthsEqual,
    MatchRegex,
    NotInSet,
    NotMatchRegex,
    NotNull,
    OfType,
    PairGreater,
)
from tidemill_expectations.columns import BatchChecks, ColumnChecks
from tidemill_expectations.kernels.arrow import kernel_of

INT64 = st.integers(-(2**63), 2**63 - 1)
FEW = st.sampled_from([-2, -1, 0, 1, 2, 3])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["M01", "M1", "a\n", "JFK", "٣3"]
)
PATTERNS = [
    "^M[0-9]{2}$", "a$", "^a", ".", "^.{0,2}$", "M+1?", r"\.$", "[A-Z]{3}", "x", r"\d", r"^\s*$", "", r"\bJ",
    "(a|b)$", r"\B.", "é|ß", "^M[0-9]{2}$|a", "(?i)straße", "a{0,1000}b{0,1000}",
]  # fmt: skip
NUMBERS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), INT64 | FEW),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1) | FEW),
    (pa.float64(), st.floats() | FEW.map(float)),
    (pa.float32(), st.floats(width=32) | FEW.map(float)),
    (pa.timestamp("ms", tz="UTC"), INT64 | FEW),
]
BOUND = st.integers(-(2**53), 2**53) | FEW | st.sampled_from([0.5, -0.0, 1e300, 2.0**63, 2.0**64, -(2.0**64)])


def assert_as_polars(rules: list[Expectation], column: pa.Array, start: int = 0) -> None:
    """`start`: the rows before it are cut off, so that the buffers begin elsewhere."""
    rows = pa.record_batch({"x": column}).slice(start)
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    wanted = [mask.to_list() for mask in ColumnChecks(rules, frame.schema).failures(frame)]
    masks = BatchChecks(rules, rows.schema).failures(rows)
    assert [[False] * len(rows) if m is None else m.tolist() for m in masks] == wanted
    assert all(mask is None or mask.any() for mask in masks)


def columns(kind: pa.DataType, values: st.SearchStrategy[Any]) -> st.SearchStrategy[pa.Array]:
    some = st.lists(st.none() | values, max_size=12) | st.lists(values, max_size=12)
    return some.map(lambda drawn: pa.array(drawn, kind))


@pytest.mark.parametrize(("kind", "values"), NUMBERS, ids=lambda c: str(c) if isinstance(c, pa.DataType) else "")
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_numbers_and_times(data: st.DataObject, kind: pa.DataType, values: st.SearchStrategy[Any]) -> None:
    low, high = sorted((data.draw(BOUND), data.draw(BOUND)))
    strict = data.draw(st.tuples(st.booleans(), st.booleans()))
    bounds = data.draw(st.sampled_from([(low, high), (low, None), (None, high)]))
    rules: list[Expectation] = [NotNull("x"), Between("x", *bounds, *strict)]
    if not pa.types.is_timestamp(kind):
        rules += [Finite("x"), InSet("x", frozenset({0, 1.5})), NotInSet("x", frozenset({0, 1.5}))]
    assert_as_polars(rules, data.draw(columns(kind, values)), data.draw(st.integers(0, 3)))


@settings(max_examples=150, deadline=None)
@given(
    column=columns(pa.string(), TEXT),
    members=st.frozensets(TEXT, min_size=1, max_size=4),
    low=st.none() | st.integers(0, 4),
    extra=st.integers(0, 4),
    start=st.integers(0, 3),
)
def test_texts(column: pa.Array, members: frozenset[str], low: int | None, extra: int, start: int) -> None:
    length = (low or 0) + extra
    rules = [
        NotNull("x"), InSet("x", members), NotInSet("x", members), LengthsBetween("x", low, length),
        LengthsBetween("x", low or 0), LengthsEqual("x", length, length), OfType("x", ("str",)),
    ]  # fmt: skip
    assert_as_polars(rules, column, start)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=40, deadline=None)
@given(column=columns(pa.string(), TEXT), start=st.integers(0, 3))
def test_patterns(pattern: str, column: pa.Array, start: int) -> None:
    assert_as_polars([MatchRegex("x", pattern), NotMatchRegex("x", pattern)], column, start)


ATOMS = st.sampled_from(["a", "1", " ", "_", ".", r"\.", r"\$", "[a-c]", "[0-9.]", "[+-]"])
REPEATS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{0,2}", "{1,}"])


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.tuples(ATOMS, REPEATS).map("".join), min_size=1, max_size=4),
    ends=st.tuples(st.sampled_from(["", "^"]), st.sampled_from(["", "$"])),
    column=columns(pa.string(), st.text("abc1. _$+-\n", max_size=6)),
)
def test_common_patterns_mean_in_arrow_what_they_mean_in_python(
    parts: list[str], ends: tuple[str, str], column: pa.Array
) -> None:
    pattern = f"{ends[0]}{''.join(parts)}{ends[1]}"
    assert regex(pattern).for_re2 is not None
    for text in column.to_pylist():
        assert text is None or MatchRegex("x", pattern).fails(text) is (re.search(pattern, text) is None)
    assert_as_polars([MatchRegex("x", pattern)], column)


@pytest.mark.parametrize("make", [MatchRegex, NotMatchRegex])
def test_a_text_too_long_to_look_into_breaks_the_rule_and_its_opposite_in_every_form(make: type[MatchRegex]) -> None:
    rule = make("x", "[ab]{900}c")
    most = regex(rule.regex).longest_text
    texts = ["ab", "b" * most, "b" * (most + 1), None]
    column = pa.array(texts, pa.string())
    assert_as_polars([rule], column)
    (mask,) = BatchChecks([rule], pa.schema({"x": pa.string()})).failures(pa.record_batch({"x": column}))
    wrong = make is MatchRegex
    assert mask is not None and mask.tolist() == [wrong, wrong, True, False]
    assert [rule.fails(text) for text in texts] == mask.tolist()
    assert f"{most:,} at most" in rule.explain(texts[2])


def test_rules_without_a_kernel_stand_in_their_place_among_the_others() -> None:
    rules = [NotNull("b"), PairGreater("a", "b"), Between("a", 0, 3), InSet("a", frozenset({1, 4}))]
    rows = pa.record_batch({"a": pa.array([1, 2, 4]), "b": pa.array([0, 5, None])})
    assert [kernel_of(rule, rows.schema) is None for rule in rules] == [False, True, False, True]
    masks = BatchChecks(rules, rows.schema).failures(rows)
    found = [None if mask is None else mask.tolist() for mask in masks]
    assert found == [[False, False, True], [False, True, True], [False, False, True], [False, True, False]]


def test_a_rule_that_does_not_fit_is_refused_as_polars_refuses_it() -> None:
    with pytest.raises(ExpectationError, match="no column 'y'"):
        BatchChecks([NotNull("y")], pa.schema({"x": pa.int64()}))
    with pytest.raises(ExpectationError, match="is not for column 'x'"):
        BatchChecks([Between("x", 0)], pa.schema({"x": pa.string()}))
