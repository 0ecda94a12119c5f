"""What columns settle is what rows say, and what is not exact is refused by both."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.sources.support import AT_MS, TIME, batch, data, path, reader
from tidemill.codec.layout import layout_of
from tidemill.contracts.schemas.catalog import make_schema
from tidemill.json.python_values import fit_value
from tidemill.json.rows import FieldError, from_json
from tidemill.sources.fitting import fit_column

MICROS = {"type": "long", "logicalType": "timestamp-micros"}
WANTED = ["string", "int", "long", "float", "double", "boolean", TIME]
WHOLE = [0, 5, 1_900, 2_026, 20_758, 20_261_101, 2**24 + 1, 2**31, 1_761_955_200, 2**53 + 1, -(2**53) - 1, 2**60, AT_MS,
         20_261_101_093_000, 2**63 - 1, -(2**63)]  # fmt: skip
FLOATS = st.floats() | st.sampled_from([1.0, 2.0**24 + 1, 2.0**53, 2.0**53 + 2, 1e18, 1e300, float("nan"), 20261101.0])
TEXTS = ["", "5", "true", " ja", "NA", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00", "20261101"]
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
GIVEN: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.sampled_from(WHOLE) | st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.sampled_from([n for n in WHOLE if n >= 0] + [2**63, 2**64 - 1])),
    (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    (pa.float64(), FLOATS),
    (pa.float32(), st.floats(width=32)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.sampled_from(TEXTS)),
    (pa.large_string(), st.text(max_size=3)),
    (pa.dictionary(pa.int32(), pa.large_string()), st.sampled_from(["a", "b", ""])),
    (pa.decimal128(38, 0), st.sampled_from(WHOLE).map(Decimal)),
    (pa.decimal128(38, 2), st.sampled_from([Decimal("5.00"), Decimal("5.25"), Decimal(2**53 + 1)])),
    (pa.timestamp("us", "UTC"), MOMENTS),
    (pa.timestamp("ms", "Europe/Berlin"), MOMENTS),
    (pa.timestamp("ms"), st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))),
]  # fmt: skip


def by_row(value: Any, avro: Any, unit: str | None) -> Any:
    schema = make_schema("r", {"type": "record", "name": "R", "fields": [{"name": "x", "type": ["null", avro]}]})
    try:
        return from_json({"x": fit_value(value, ["null", avro], unit)}, schema)["x"]
    except FieldError as error:
        return error


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_a_column_settles_only_what_its_rows_would_say(given_: st.DataObject) -> None:
    avro = given_.draw(st.sampled_from(WANTED))
    kind, values = given_.draw(st.sampled_from(GIVEN))
    unit = given_.draw(st.sampled_from([None, "s", "ms", "us"]))
    column = pa.array(given_.draw(st.lists(st.none() | values, max_size=6)), kind)
    node = {"type": "record", "name": "R", "fields": [{"name": "x", "type": ["null", avro]}]}
    layout = layout_of(node)
    assert layout is not None
    fitted, fits = fit_column(column, layout.arrow.field("x"), ["null", avro], unit)
    found = fitted.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(fitted.type) else fitted.to_pylist()
    for value, settled, good in zip(column.to_pylist(), found, fits, strict=True):
        if good:
            assert settled == by_row(value, avro, unit)


@pytest.mark.parametrize(
    ("avro", "value", "datum"),
    [
        ("long", Decimal(5), 5),
        ("long", Decimal("12345678901234567.00"), 12345678901234567),
        ("double", Decimal("0.1"), 0.1),
        ("string", Decimal("12345678901234567890123456789012345678"), "12345678901234567890123456789012345678"),
        (TIME, Decimal(AT_MS), AT_MS),
        ("double", float("nan"), None),
        ("string", float("nan"), None),
        (TIME, float("nan"), None),
        ("double", Decimal("NaN"), None),
        (MICROS, datetime(2026, 11, 1, 9, 30, 0, 123_456, tzinfo=UTC), 1_793_525_400_123_456),
        (TIME, datetime(1970, 1, 21, 9, 25, 55, 200_000, tzinfo=UTC), 1_761_955_200),
    ],
)
def test_a_value_is_exactly_itself_or_missing(avro: Any, value: Any, datum: Any) -> None:
    assert by_row(value, avro, None) == datum


@pytest.mark.parametrize(
    ("avro", "value", "says"),
    [
        ("long", Decimal("5.5"), "5.5 is not a whole number"),
        ("long", 1e18, "may have been rounded"),
        ("string", 1.0, "1.0 is not a string"),
        ("string", Decimal("5.00"), "is not a string"),
        ("double", Decimal(2**53 + 1), "exactly"),
        ("double", float("inf"), "not a finite number"),
        (TIME, datetime(2026, 11, 1), "has no offset"),
        (TIME, 1_761_955_200, "seconds"),
        ("boolean", 1, "1 is not true or false"),
    ],
)
def test_what_is_not_exact_is_refused_with_its_reason(avro: Any, value: Any, says: str) -> None:
    found = by_row(value, avro, None)
    assert isinstance(found, FieldError)
    assert says in found.reason


def test_a_stated_unit_is_believed_and_an_unstated_one_is_asked_for() -> None:
    values = [b'{"event_id":"e%d","at":%d,"amount":1}' % (k, 1_761_955_200 + k) for k in range(40)]
    unsaid = reader("json").decode(batch(*values))
    assert len(unsaid.bad) == 40
    assert "looks like seconds since 1970" in unsaid.bad[0].message
    seconds = reader("json", event_time=path("at", "s")).decode(batch(*values))
    assert [row["at"] for row in data(seconds)] == [(1_761_955_200 + k) * 1_000 for k in range(40)]
    millis = reader("json", event_time=path("at", "ms")).decode(batch(*values))
    assert [row["at"] for row in data(millis)] == [1_761_955_200 + k for k in range(40)]


@pytest.mark.parametrize("count", [1, 40])
def test_a_whole_number_that_a_double_does_not_hold_is_refused_in_columns_as_in_rows(count: int) -> None:
    value = b'{"event_id":"e","at":"2026-11-01T00:00:00Z","amount":9007199254740993}'
    decoded = reader("json").decode(batch(*[value] * count))
    assert [b.message for b in decoded.bad] == [
        "amount: 9007199254740993 is no number of 64 bits exactly, 9007199254740992 is next: take a long or text"
    ] * count
