"""Columns of files become columns of records, strictly."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tidemill_operations.push.convert import Field, convert, record_fields

AVRO_TIME = {"type": "long", "logicalType": "timestamp-millis"}
NINE = datetime(2024, 1, 1, 9, tzinfo=UTC)


def one(values: list[object], kind: str, nullable: bool = True) -> tuple[list[object], list[str]]:
    """A single column converted: its values, and the reasons of its errors."""
    frame = pl.DataFrame({"x": values})
    records, errors = convert(frame, list(range(1, len(values) + 1)), [Field("x", kind, nullable)])
    return records["x"].to_list(), [f"{error.line}: {error.reason}" for error in errors]


def test_text_of_numbers_becomes_numbers() -> None:
    assert one(["1", " 2 ", "-3"], "int") == ([1, 2, -3], [])
    assert one(["1.5", "2", "1e3"], "double") == ([1.5, 2.0, 1000.0], [])


def test_a_whole_number_written_with_a_point_is_still_whole() -> None:
    assert one(["1", "2.0"], "long") == ([1, 2], [])


def test_a_value_that_does_not_fit_is_an_error_of_its_line_and_never_a_guess() -> None:
    values, errors = one(["1", "two", "3"], "int")
    assert values == [1, None, 3]
    assert errors == ["2: 'two' is not a whole number of 32 bits"]


def test_a_number_too_large_for_its_field_is_an_error() -> None:
    assert one(["3000000000"], "int")[1] == ["1: 3000000000 is out of range for a whole number of 32 bits"]
    assert one(["3000000000"], "long") == ([3_000_000_000], [])


@pytest.mark.parametrize(("word", "truth"), [("Yes", True), ("no", False), ("1", True), ("FALSE", False)])
def test_words_for_true_and_false_are_known(word: str, truth: bool) -> None:
    assert one([word], "boolean") == ([truth], [])


def test_maybe_is_neither_true_nor_false() -> None:
    assert one(["maybe"], "boolean")[1] == ["1: 'maybe' is not true or false"]


@pytest.mark.parametrize("word", ["", "NA", "null", "  "])
def test_words_for_nothing_are_null_where_the_field_admits_it(word: str) -> None:
    assert one([word], "double") == ([None], [])


def test_nothing_in_a_field_that_must_be_there_is_an_error() -> None:
    assert one(["a", None], "string", nullable=False)[1] == ["2: is missing"]


def test_times_are_read_as_iso_8601_with_an_offset_and_as_milliseconds() -> None:
    texts = ["2024-01-01T09:00:00Z", "2024-01-01 09:00+00:00", "2024-01-01T10:00:00+01:00", " 1704099600000 "]
    assert one(texts, "time") == ([NINE] * 4, [])
    (error,) = one(["yesterday"], "time")[1]
    assert "'yesterday' is not an ISO-8601 time" in error
    assert "--date-format" in error


def test_a_column_of_times_of_a_parquet_file_is_taken_as_it_is() -> None:
    assert one([NINE], "time") == ([NINE], [])


def test_integers_of_a_parquet_file_fill_number_and_text_fields_but_not_whole_fields_with_halves() -> None:
    assert one([1, 2], "double") == ([1.0, 2.0], [])
    assert one([1, 2], "string") == (["1", "2"], [])
    assert one([1.0, 2.5], "int")[1] == ["2: 2.5 is not a whole number of 32 bits"]


def test_a_field_without_a_column_is_null_or_an_error() -> None:
    frame = pl.DataFrame({"x": ["1"]})
    records, errors = convert(frame, [7], [Field("y", "int", True), Field("z", "int", False)])
    assert records["y"].to_list() == [None]
    assert [(error.line, error.field, error.reason) for error in errors] == [(7, "z", "is missing")]


def test_fields_are_read_from_avro() -> None:
    fields = record_fields([{"name": "id", "type": "string"}, {"name": "at", "type": ["null", AVRO_TIME]}])
    assert [(f.name, f.kind, f.nullable) for f in fields] == [("id", "string", False), ("at", "time", True)]


def test_a_type_that_no_column_holds_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'tags'"):
        record_fields([{"name": "tags", "type": {"type": "array", "items": "string"}}])
