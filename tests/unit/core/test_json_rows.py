from __future__ import annotations

import base64
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.contracts.schemas.catalog import make_schema
from tidemill.errors import ConfigError
from tidemill.json.rows import FieldError, from_json

TIME = {"type": "long", "logicalType": "timestamp-millis"}


def record(**types: Any) -> Any:
    return make_schema(
        "test",
        {"type": "record", "name": "Test", "fields": [{"name": n, "type": t} for n, t in types.items()]},
    )


def convert(avro_type: Any, value: Any) -> Any:
    return from_json({"x": value}, record(x=avro_type))["x"]


def reason(avro_type: Any, value: Any) -> str:
    with pytest.raises(FieldError) as caught:
        convert(avro_type, value)
    assert caught.value.field.startswith("x")
    return caught.value.reason


@pytest.mark.parametrize(
    ("avro_type", "value", "datum"),
    [
        ("boolean", False, False),
        ("int", 2**31 - 1, 2**31 - 1),
        ("long", -(2**63), -(2**63)),
        ("long", 5.0, 5),
        ("double", 3, 3.0),
        ("float", 0.1, 0.10000000149011612),
        ("string", "Zürich\x00", "Zürich\x00"),
        ("string", 9007199254740993, "9007199254740993"),
        (["null", "string"], 5, "5"),
        (["string", "double"], 5, 5.0),
        ("double", 2**60, float(2**60)),
        ("bytes", base64.b64encode(b"\x00\xff").decode(), b"\x00\xff"),
        (["null", "string"], None, None),
        (["null", "string"], "", ""),
        (["null", "long", "string"], "a", "a"),
        ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, "b", "b"),
        ({"type": "array", "items": "long"}, [1, 2], [1, 2]),
        ({"type": "map", "values": "double"}, {"a": 1}, {"a": 1.0}),
        ({"type": "record", "name": "R", "fields": [{"name": "y", "type": "int"}]}, {"y": 1}, {"y": 1}),
        ({"type": "int", "logicalType": "date"}, "1970-01-02", 1),
    ],
)
def test_a_value_of_the_right_type_is_taken_as_it_is(avro_type: Any, value: Any, datum: Any) -> None:
    assert convert(avro_type, value) == datum


@pytest.mark.parametrize(
    ("avro_type", "value", "says"),
    [
        ("boolean", 1, "1 is not true or false"),
        ("boolean", "true", "'true' is not true or false"),
        ("int", 2**31, "out of range"),
        ("int", True, "true is not a whole number"),
        ("long", 10**400, "an enormous integer is out of range"),
        ("long", 2**63, "out of range"),
        ("long", 0.5, "0.5 is not a whole number"),
        ("long", 1e300, "out of range"),
        ("double", "5", "'5' is not a number"),
        ("double", math.nan, "not a finite number"),
        ("double", 10**400, "not a finite number"),
        ("double", math.inf, "not a finite number"),
        ("float", 1e39, "out of range for a 32-bit float"),
        ("string", 5.0, "5.0 is not a string: give text or a whole number"),
        ("string", True, "true is not a string"),
        ("string", 2**64, "is not a string"),
        (["string", "double"], {}, "is not a number"),
        ("long", 9007199254740994.0, "may have been rounded"),
        ("double", 2**53 + 1, "9007199254740993 is no number of 64 bits exactly"),
        ("double", -(2**63) + 1, "exactly"),
        ("float", 2**24 + 1, "16777217 is no number of 32 bits exactly"),
        (TIME, 20261101, "20261101 looks like a date, YYYYMMDD, and in milliseconds is 1970-01-01T05:37:41.101Z"),
        (TIME, 2026, "looks like a year"),
        (TIME, 1_761_955_200, "looks like seconds since 1970"),
        (TIME, 20_758, "looks like days since 1970"),
        (TIME, 20261101093000, "looks like a time, YYYYMMDDhhmmss"),
        (TIME, 20261101.0, "looks like a date"),
        ("string", "\ud800", "surrogate"),
        ("string", None, "is null, not a string"),
        ("bytes", "a", "is not Base64"),
        ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, "c", "not one of a, b"),
        ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, ["a"], "an array is not one of"),
        ({"type": "array", "items": "long"}, "ab", "is not an array"),
        ({"type": "int", "logicalType": "date"}, "1970-02-30", "is not a date"),
        ("null", 1, "is not null"),
        (TIME, "2013-01-31T17:05:00", "has no offset"),
        (TIME, "yesterday", "is not an ISO-8601 time"),
        (TIME, True, "true is not a time"),
        (TIME, 2**60, "no time in milliseconds"),
        (TIME, 0.5, "is not a time"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_reason(avro_type: Any, value: Any, says: str) -> None:
    assert says in reason(avro_type, value)


@pytest.mark.parametrize(
    ("written", "millis"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01.5+00:00", 1500),
        ("1969-12-31T19:00:00-05:00", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        (1234, 1234),
        (1234.0, 1234),
        (20261399, 20261399),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
    ],
)
def test_a_time_is_iso_with_an_offset_or_milliseconds(written: Any, millis: int) -> None:
    assert convert(TIME, written) == millis
    assert convert({"type": "long", "logicalType": "timestamp-micros"}, written) == millis * 1000


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", math.inf, math.nan, 1e300])
def test_a_time_beyond_the_calendar_is_refused(edge: Any) -> None:
    assert reason(TIME, edge)


def test_every_wrong_field_is_named_at_once() -> None:
    schema = record(a="long", b="string", c=["null", "string"])
    with pytest.raises(FieldError) as caught:
        from_json({"a": "x", "bb": "y"}, schema)
    assert caught.value.field == "a"
    assert caught.value.errors == (
        ("a", "'x' is not a whole number of 64 bits"),
        ("b", "is missing"),
        ("bb", "is not a field of the record; did you mean b?"),
    )


def test_a_field_left_out_takes_its_default_or_null() -> None:
    fields = [
        {"name": "a", "type": "int", "default": 7},
        {"name": "b", "type": ["null", "int"]},
        {"name": "c", "type": ["int", "null"], "default": 3},
    ]
    assert from_json({}, make_schema("d", {"type": "record", "name": "D", "fields": fields})) == {
        "a": 7,
        "b": None,
        "c": 3,
    }


def test_a_path_leads_to_the_wrong_value_inside() -> None:
    inner = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "y", "type": {"type": "array", "items": "int"}}],
    }
    with pytest.raises(FieldError) as caught:
        from_json({"x": {"y": [1, "2"]}}, record(x=inner))
    assert caught.value.field == "x.y[1]"


@pytest.mark.parametrize("row", [[], "row", 5, None])
def test_a_row_that_is_no_object_is_refused(row: Any) -> None:
    with pytest.raises(FieldError, match="not an object"):
        from_json(row, record(x="int"))


def test_a_schema_with_a_type_that_json_cannot_hold_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="decimal"):
        from_json({}, record(x={"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
EVERYTHING = record(
    a="boolean", b="int", c="long", d="float", e="double", f="string", g="bytes", h=TIME,
    i={"type": "array", "items": ["null", "long"]}, j={"type": "map", "values": "string"},
    k={"type": "enum", "name": "K", "symbols": ["k"]}, l={"type": "int", "logicalType": "date"},
)  # fmt: skip


@given(row=st.dictionaries(st.sampled_from("abcdefghijklm"), JSON) | JSON)
@settings(max_examples=200, deadline=None)
def test_rubbish_of_any_shape_raises_nothing_but_a_field_error(row: Any) -> None:
    try:
        datum = from_json(row, EVERYTHING)
    except FieldError as error:
        assert error.errors
        assert all(len(text) < 400 for _, text in error.errors)
    else:
        assert list(datum) == list("abcdefghijkl")


@given(st.datetimes(timezones=st.just(UTC)))
@settings(max_examples=100, deadline=None)
def test_iso_times_come_out_as_their_milliseconds(moment: datetime) -> None:
    exact = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    delta = exact - datetime(1970, 1, 1, tzinfo=UTC)
    assert (
        convert(TIME, exact.isoformat()) == delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000
    )
