"""The law of this library: the form for columns and the form for a row agree, whatever the values and however the
column lies in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill_expectations import (
    Between,
    ColumnExpectation,
    Expectation,
    ExpectationError,
    Finite,
    InSet,
    LengthsBetween,
    MatchRegex,
    NotInSet,
    NotMatchRegex,
    NotNull,
    Null,
    RowChecks,
)
from tidemill_expectations.columns import ColumnChecks
from tidemill_expectations.rules.patterns import (
    MatchLike,
    MatchLikeList,
    MatchRegexList,
    NotMatchLike,
    NotMatchLikeList,
    NotMatchRegexList,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
BOUND = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(-1e18, 1e18),
    st.sampled_from([0, -0.0, 2**63, -(2**63), 2.0**64, 1e300, 0.5]),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PATTERNS = ["^[A-Z]{3}$", "a$", r"\d", r"^\s*$", "", r"(a|é)+x", r"\B.", "é|ß", r"\bA", "(?i)straße"]


def bounds(kind: st.SearchStrategy[int | float]) -> st.SearchStrategy[Between]:
    """`Between` over column x with one or two bounds in order."""

    def make(low: int | float | None, high: int | float | None, strict_min: bool, strict_max: bool) -> Between:
        if low is None and high is None:
            low = 0
        if low is not None and high is not None and low > high:
            low, high = high, low
        return Between("x", low, high, strict_min, strict_max)

    return st.builds(make, st.none() | kind, st.none() | kind, st.booleans(), st.booleans())


def with_nulls(values: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    return st.lists(st.none() | values, max_size=20)


def assert_forms_agree(expectation: ColumnExpectation, values: list[object], kind: pa.DataType) -> None:
    wanted = [expectation.fails(value) for value in values]
    assert [expectation.test()(value) for value in values] == wanted
    for value, failed in zip(values, wanted, strict=True):
        assert not failed or expectation.explain(value).startswith("x ")
        assert bool(RowChecks([expectation]).check({"x": value})) == failed
    for column in laid_out(values, kind):
        assert failing([expectation], pa.table({"x": column})) == [wanted]


def laid_out(values: list[object], kind: pa.DataType) -> Iterator[pa.Array | pa.ChunkedArray]:
    """The values as columns: whole, as a part of others, in chunks of which one is empty, and texts as others write
    them, with a dictionary too."""
    column = pa.array(values, kind)
    yield column
    yield pa.concat_arrays([column, column, column]).slice(len(column), len(column))
    yield pa.chunked_array([column.slice(0, 1), column.slice(1), column.slice(0, 0)], kind)
    if pa.types.is_string(kind):
        yield column.cast(pa.large_string())
        yield column.cast(pa.string_view())
        yield column.dictionary_encode()


def failing(rules: Sequence[Expectation], rows: pa.Table | pa.RecordBatch) -> list[list[bool]]:
    """Each rule's mask over the rows."""
    masks = ColumnChecks(rules, rows.schema).failures(rows)
    assert all(mask is None or (mask.dtype == np.bool_ and mask.any()) for mask in masks)
    return [[False] * rows.num_rows if mask is None else mask.tolist() for mask in masks]


FLOATS = st.floats(allow_nan=True, allow_infinity=True)
ROUND_32 = st.floats(width=32, allow_nan=True, allow_infinity=True)
COLUMNS: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
    (pa.int64(), INT64),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.float64(), FLOATS),
    (pa.float32(), ROUND_32),
    (pa.timestamp("ms", "UTC"), INT64),
]


@pytest.mark.parametrize(("dtype", "values"), COLUMNS, ids=lambda c: str(c) if isinstance(c, pa.DataType) else "")
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_between_says_the_same_of_a_column_and_of_a_row(
    data: st.DataObject, dtype: pa.DataType, values: st.SearchStrategy[object]
) -> None:
    expectation = data.draw(bounds(BOUND))
    floating = pa.types.is_floating(dtype)
    near = [b for b in (expectation.min_value, expectation.max_value) if b is not None]
    held = [b for b in near if isinstance(b, float) == floating and (floating or -(2**31) <= b < 2**31)]
    drawn = values | st.sampled_from(held) if held and dtype != pa.float32() else values
    column = data.draw(with_nulls(drawn))
    assert_forms_agree(expectation, column, dtype)


@settings(max_examples=60, deadline=None)
@given(members=st.frozensets(TEXT, min_size=1, max_size=5), data=st.data())
def test_a_set_of_strings_says_the_same_of_a_column_and_of_a_row(members: frozenset[str], data: st.DataObject) -> None:
    column = data.draw(with_nulls(TEXT | st.sampled_from(sorted(members))))
    for rule in (InSet("x", members), NotInSet("x", members)):
        assert_forms_agree(rule, column, pa.string())


@pytest.mark.parametrize(("dtype", "values"), COLUMNS[:4], ids=lambda c: str(c) if isinstance(c, pa.DataType) else "")
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_set_of_numbers_says_the_same_of_a_column_and_of_a_row(
    data: st.DataObject, dtype: pa.DataType, values: st.SearchStrategy[object]
) -> None:
    finite = st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
    members = data.draw(st.frozensets(finite | st.sampled_from([0, -0.0, 1, 1.0, 2**53 + 1]), min_size=1, max_size=6))
    assert_forms_agree(
        InSet("x", members), data.draw(with_nulls(values | st.just(1 if pa.types.is_integer(dtype) else 1.0))), dtype
    )


@given(members=st.frozensets(st.booleans(), min_size=1), column=with_nulls(st.booleans()))
@settings(max_examples=30, deadline=None)
def test_a_set_of_booleans_says_the_same_of_a_column_and_of_a_row(
    members: frozenset[bool], column: list[object]
) -> None:
    assert_forms_agree(InSet("x", members), column, pa.bool_())


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=20, deadline=None)
@given(column=with_nulls(TEXT | st.sampled_from(["a\n", "A", "JFK", "٣", "STRASSE", "yy"])))
def test_a_pattern_says_the_same_of_a_column_and_of_a_row(pattern: str, column: list[object]) -> None:
    assert_forms_agree(MatchRegex("x", pattern), column, pa.string())
    assert_forms_agree(NotMatchRegex("x", pattern), column, pa.string())


@given(low=st.none() | st.integers(0, 4), extra=st.integers(0, 4), column=with_nulls(TEXT))
@settings(max_examples=40, deadline=None)
def test_lengths_say_the_same_of_a_column_and_of_a_row(low: int | None, extra: int, column: list[object]) -> None:
    assert_forms_agree(LengthsBetween("x", low, (low or 0) + extra), column, pa.string())


ANY: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
    *COLUMNS[:4],
    (pa.string(), TEXT),
    (pa.bool_(), st.booleans()),
]


@pytest.mark.parametrize(("dtype", "values"), ANY, ids=lambda c: str(c) if isinstance(c, pa.DataType) else "")
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_missing_values_are_the_same_in_a_column_and_in_a_row(
    data: st.DataObject, dtype: pa.DataType, values: st.SearchStrategy[object]
) -> None:
    column = data.draw(with_nulls(values))
    assert_forms_agree(NotNull("x"), column, dtype)
    assert_forms_agree(Null("x"), column, dtype)
    if not pa.types.is_string(dtype):
        assert_forms_agree(Finite("x"), column, dtype)


MAKERS: list[Callable[[], ColumnExpectation]] = [
    lambda: Between("x", 0, 1),
    lambda: InSet("x", frozenset({1})),
    lambda: Finite("x"),
]


@pytest.mark.parametrize("make", MAKERS)
def test_no_expectation_but_not_null_looks_at_missing_values(make: Callable[[], ColumnExpectation]) -> None:
    assert not make().fails(None)
    assert not make().fails(float("nan"))
    assert NotNull("x").fails(float("nan"))


LIKES = ["N%", "_", "%", "", "a_b%", "%\\%", "é_", "100%", "[A]%"]


@pytest.mark.parametrize("kind", [MatchRegexList, NotMatchRegexList, MatchLikeList, NotMatchLikeList])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lists_of_patterns_say_the_same_of_a_column_and_of_a_row(data: st.DataObject, kind: Any) -> None:
    patterns = PATTERNS if "regex" in kind.name else LIKES
    chosen = tuple(data.draw(st.lists(st.sampled_from(patterns), min_size=1, max_size=3)))
    rule = kind("x", chosen) if "not" in kind.name else kind("x", chosen, data.draw(st.sampled_from(["any", "all"])))
    assert_forms_agree(rule, data.draw(with_nulls(TEXT | st.sampled_from(["N1", "a-b", "100%", "\n"]))), pa.string())


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("N%", ["N", "N14228", "N\n1"], ["n1", "XN", ""]),
        ("_B%", ["AB", "ABC"], ["B", "AAB"]),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_like_is_about_the_whole_text_and_has_two_wild_cards(
    pattern: str, fitting: list[str], others: list[str]
) -> None:
    like, unlike = MatchLike("x", pattern), NotMatchLike("x", pattern)
    assert not any(like.fails(text) for text in fitting) and all(like.fails(text) for text in others)
    assert all(unlike.fails(text) for text in fitting) and not any(unlike.fails(text) for text in others)


def test_one_or_all_of_a_list_must_match() -> None:
    assert not MatchRegexList("x", ("^a", "b$")).fails("ac")
    assert MatchRegexList("x", ("^a", "b$"), "all").fails("ac")
    assert NotMatchRegexList("x", ("^a", "b$")).fails("ac")
    assert "does not match all of ['^a', 'b$']" in MatchRegexList("x", ("^a", "b$"), "all").explain("ac")


@pytest.mark.parametrize("make", [MatchRegexList, NotMatchRegexList, MatchLikeList, NotMatchLikeList])
def test_a_list_of_patterns_matches_by_one_or_all_and_by_nothing_else(make: Callable[..., ColumnExpectation]) -> None:
    with pytest.raises(ExpectationError, match=r"match_on is one of any, all"):
        make("x", ("a",), "most")
    with pytest.raises(ExpectationError, match=r"at least one pattern"):
        make("x", ())
