"""The same law for the rules that look at several columns, and for those that say the opposite of others."""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.compute
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.expectations.test_agreement import failing
from tidemill_expectations import (
    Expectation,
    ExpectationError,
    InTypeList,
    LengthsEqual,
    MulticolumnUnique,
    NotInSet,
    NotMatchRegex,
    Null,
    OfType,
    PairEqual,
    PairGreater,
    UniqueWithinRecord,
    build,
)
from tidemill_expectations.columns import ColumnChecks

INT64 = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 2**53, 2**53 + 1])
FLOATS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1.0, 2.0**53])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=3) | st.sampled_from(["a", "b"])
Column = tuple[pa.DataType, st.SearchStrategy[object]]
FLOATS_32 = st.floats(width=32)
NUMBERS: list[Column] = [(pa.int64(), INT64), (pa.float64(), FLOATS)]
COMPARABLE: list[list[Column]] = [
    [NUMBERS[0], NUMBERS[0]],
    [NUMBERS[0], NUMBERS[1]],
    [NUMBERS[1], NUMBERS[1]],
    [(pa.float32(), FLOATS_32), (pa.int32(), st.integers(-3, 3))],
    [(pa.string(), TEXT), (pa.string(), TEXT)],
    [(pa.bool_(), st.booleans()), (pa.bool_(), st.booleans())],
]
few = settings(max_examples=60, deadline=None)


def assert_forms_agree(rule: Expectation, rows: pa.RecordBatch) -> None:
    plain = [pa.compute.cast(c, pa.int64()) if pa.types.is_timestamp(c.type) else c for c in rows.columns]
    values = pa.RecordBatch.from_arrays(plain, names=rows.schema.names).to_pylist()
    wanted = [rule.fails_row(row) for row in values]
    shifted = pa.Table.from_batches([rows, rows]).combine_chunks().to_batches()
    parts = [rows, pa.Table.from_batches([rows.slice(0, 1), rows.slice(1)], schema=rows.schema)]
    parts += [batch.slice(rows.num_rows) for batch in shifted]
    assert all(failing([rule], part) == [wanted] for part in parts)
    for row, failed in zip(values, wanted, strict=True):
        assert not failed or rule.explain_row(row).startswith(rule.columns[0])


def frame_of(data: st.DataObject, names: str, columns: list[Column]) -> pa.RecordBatch:
    size = data.draw(st.integers(0, 12))
    return pa.record_batch(
        {
            name: pa.array(data.draw(st.lists(st.none() | values, min_size=size, max_size=size)), kind)
            for name, (kind, values) in zip(names, columns, strict=True)
        }
    )


@pytest.mark.parametrize("columns", COMPARABLE)
@pytest.mark.parametrize("ignored", ["both_values_are_missing", "either_value_is_missing", "never"])
@few
@given(data=st.data())
def test_a_pair_says_the_same_of_columns_and_of_a_row(ignored: str, columns: list[Column], data: st.DataObject) -> None:
    frame = frame_of(data, "xy", columns)
    assert_forms_agree(PairEqual("x", "y", ignored), frame)
    assert_forms_agree(PairGreater("x", "y", ignored), frame)
    assert_forms_agree(PairGreater("x", "y", ignored, or_equal=True), frame)


@pytest.mark.parametrize("columns", COMPARABLE)
@pytest.mark.parametrize("ignored", ["all_values_are_missing", "any_value_is_missing", "never"])
@few
@given(data=st.data())
def test_uniqueness_within_a_record_says_the_same_of_columns_and_of_a_row(
    ignored: str, columns: list[Column], data: st.DataObject
) -> None:
    frame = frame_of(data, "xyz", [*columns, columns[1]])
    assert_forms_agree(UniqueWithinRecord(("x", "y", "z"), ignored), frame)
    assert_forms_agree(MulticolumnUnique(("x", "y"), ignored), frame)


@few
@given(data=st.data())
def test_opposites_say_the_same_of_a_column_and_of_a_row(data: st.DataObject) -> None:
    text, number = frame_of(data, "x", [(pa.string(), TEXT)]), frame_of(data, "x", [NUMBERS[1]])
    for frame in (text, number):
        assert_forms_agree(Null("x"), frame)
    assert_forms_agree(NotInSet("x", frozenset({"a", "b"})), text)
    assert_forms_agree(NotInSet("x", frozenset({0, 1})), number)
    assert_forms_agree(NotMatchRegex("x", "[ab]"), text)
    assert_forms_agree(LengthsEqual("x", 1, 1), text)
    assert_forms_agree(OfType("x", ("str",)), text)
    assert_forms_agree(InTypeList("x", ("int", "float")), number)


def test_a_time_pair_is_compared_in_milliseconds() -> None:
    kind = pa.timestamp("ms", "UTC")
    frame = pa.record_batch({"x": pa.array([1, 2, None], kind), "y": pa.array([2, 1, 5], kind)})
    assert_forms_agree(PairGreater("x", "y"), frame)
    assert PairGreater("x", "y").explain_row({"x": 1, "y": 2}) == "x is 1, not above y, which is 2"


def test_columns_that_cannot_be_compared_are_refused() -> None:
    schema = pa.schema({"x": pa.string(), "y": pa.int64()})
    for rule in (PairEqual("x", "y"), UniqueWithinRecord(("x", "y"))):
        with pytest.raises(ExpectationError, match="cannot compare x, y of types"):
            ColumnChecks([rule], schema)
    assert PairEqual("x", "y").fails_row({"x": "1", "y": 1})


def test_a_type_that_a_column_does_not_have_is_refused_before_the_first_record() -> None:
    with pytest.raises(ExpectationError, match="is not for column 'x' of type string"):
        ColumnChecks([OfType("x", ("int",))], pa.schema({"x": pa.string()}))
    assert OfType("x", ("int",)).fails(True)
    assert not OfType("x", ("float64",)).fails(math.nan)


def test_great_expectations_arguments_make_each_rule() -> None:
    pair = {"column_A": "x", "column_B": "y"}
    assert build("expect_column_pair_values_to_be_equal", pair) == PairEqual("x", "y")
    greater = build("expect_column_pair_values_a_to_be_greater_than_b", {**pair, "or_equal": True})
    assert greater == PairGreater("x", "y", or_equal=True)
    assert greater.arguments == "or_equal=True"
    listed = {"column_list": ["x", "y"]}
    assert build("expect_multicolumn_values_to_be_unique", listed) == MulticolumnUnique(("x", "y"))
    with pytest.raises(ExpectationError, match="needs a column_B"):
        build("expect_column_pair_values_to_be_equal", {"column_A": "x"})
    with pytest.raises(ExpectationError, match="ignore_row_if is one of"):
        build("expect_column_pair_values_to_be_equal", {**pair, "ignore_row_if": "sometimes"})
