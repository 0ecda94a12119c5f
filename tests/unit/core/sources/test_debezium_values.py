"""What databases' columns become in Debezium's events: decimals, tinyint(1), values that were not sent."""

from __future__ import annotations

import base64
import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.sources.support import AT_MS, FakeRegistry, batch, data, path, reader, row_by_row
from tidemill.codec.registry.client import Entry
from tidemill.sources.formats.decimals import from_unscaled
from tidemill.sources.formats.stand_ins import UNAVAILABLE

ROW = {"event_id": "e1", "at": AT_MS, "customer": "c", "amount": 5, "items": 2, "online": False}


def unscaled(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def base(number: int) -> str:
    return base64.b64encode(unscaled(number)).decode()


def plain(**after: Any) -> bytes:
    return json.dumps({"before": None, "after": {**ROW, **after}, "op": "c", "ts_ms": 5}).encode()


def wrapped(kinds: dict[str, Any], **after: Any) -> bytes:
    """As JsonConverter writes it with its schema, in the order in which it writes it."""
    fields = [{"optional": True, **kind, "field": name} for name, kind in kinds.items()]
    schema = {"type": "struct", "fields": [{"type": "struct", "fields": fields, "optional": True, "field": "after"}]}
    payload = json.loads(plain(**after))
    return json.dumps({"schema": schema, "payload": payload}, separators=(",", ":")).encode()


def decimal(scale: int) -> dict[str, Any]:
    name = "org.apache.kafka.connect.data.Decimal"
    return {"type": "bytes", "name": name, "version": 1, "parameters": {"scale": str(scale), "precision": "38"}}


@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize(("number", "scale", "is_"), [(50_012, 2, 500.12), (-7, 0, -7.0), (0, 3, 0.0), (5, -2, 500.0)])
def test_precise_decimals_are_read_by_the_scale_in_their_schema(
    count: int, number: int, scale: int, is_: float
) -> None:
    value = wrapped({"amount": decimal(scale), "items": decimal(0)}, amount=base(number), items=base(2**62 + 1))
    decoding = reader("debezium")
    decoded = decoding.decode(batch(*[value] * count))

    assert decoded.bad == []
    assert {(row["amount"], row["items"]) for row in data(decoded)} == {(is_, 2**62 + 1)}
    assert row_by_row(decoding, batch(value)) == (data(decoded)[:1], [])


def test_a_numeric_without_a_fraction_may_be_an_id_and_never_becomes_its_base64() -> None:
    value = wrapped({"event_id": decimal(0), "customer": decimal(0)}, event_id=base(10**30), customer=base(-5))
    decoded = reader("debezium").decode(batch(*[value] * 20, plain(event_id="x")))

    assert {(row["event_id"], row["customer"]) for row in data(decoded)} == {(str(10**30), "-5"), ("x", "c")}


@pytest.mark.parametrize("count", [1, 40])
def test_connects_decimals_are_read_without_debezium_too(count: int) -> None:
    fields = [{**decimal(2), "field": "amount"}, {**decimal(0), "field": "event_id"}]
    document = {
        "schema": {"type": "struct", "fields": fields},
        "payload": {**ROW, "amount": base(1_050), "event_id": base(77)},
    }
    given = {name: path(f"payload.{name}") for name in ROW}
    decoded = reader("json", fields=given).decode(batch(*[json.dumps(document).encode()] * count))

    assert {(row["event_id"], row["amount"]) for row in data(decoded)} == {("77", 10.5)}


def test_a_decimal_with_a_fraction_is_no_whole_number_and_no_text() -> None:
    value = wrapped({"items": decimal(1), "customer": decimal(1)}, items=base(15), customer=base(15))
    (bad,) = reader("debezium").decode(batch(value)).bad

    assert bad.error_class == "UnfitRecord"
    assert "items" in bad.message
    assert "customer" in bad.message


@pytest.mark.parametrize("value", [{"scale": 2, "value": base(1_234)}, {"value": base(12_340), "scale": 3}])
def test_a_decimal_that_brings_its_own_scale_needs_no_schema(value: Any) -> None:
    decoding = reader("debezium")
    decoded = decoding.decode(batch(*[plain(amount=value)] * 20))

    assert {row["amount"] for row in data(decoded)} == {12.34}


def test_decimals_of_both_kinds_are_read_from_avro() -> None:
    schema = {
        "type": "record", "name": "Envelope", "namespace": "shop",
        "fields": [
            {"name": "before", "type": ["null", "string"], "default": None},
            {"name": "after", "type": ["null", {
                "type": "record", "name": "Value", "fields": [
                    {"name": "event_id", "type": {
                        "type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 0,
                    }},
                    {"name": "at", "type": "long"},
                    {"name": "amount", "type": {
                        "type": "record", "name": "VariableScaleDecimal", "namespace": "io.debezium.data",
                        "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
                    }},
                    {"name": "items", "type": {
                        "type": "fixed", "name": "D", "size": 9, "logicalType": "decimal", "precision": 20, "scale": 0,
                    }},
                ],
            }]},
            {"name": "op", "type": "string"},
        ],
    }  # fmt: skip
    row = {
        "event_id": Decimal(10**37),
        "at": AT_MS,
        "amount": {"scale": 1, "value": unscaled(-15)},
        "items": Decimal(8),
    }
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), {"before": None, "after": row, "op": "u"})
    registry = FakeRegistry({7: Entry("AVRO", json.dumps(schema))})
    decoded = reader("debezium", registry).decode(batch(*[b"\0\0\0\0\7" + stream.getvalue()] * 20))

    assert decoded.bad == []
    assert {(r["event_id"], r["amount"], r["items"]) for r in data(decoded)} == {(str(10**37), -1.5, 8)}


def test_bytes_without_their_scale_are_refused_with_the_cure() -> None:
    (bad,) = reader("debezium").decode(batch(plain(amount=base(50_012)))).bad

    assert "set `schemas.enable` of the converter to true" in bad.message
    assert "`decimal.handling.mode` to double" in bad.message


@pytest.mark.parametrize("count", [1, 40])
def test_tinyint_is_a_boolean_where_it_is_0_or_1(count: int) -> None:
    values = [plain(online=k % 2) for k in range(count)] + [plain(online=None), plain(online=2), plain(online=True)]
    decoding = reader("debezium", fields={"items": path("ts_ms")})
    decoded = decoding.decode(batch(*values))

    assert [row["online"] for row in data(decoded)][:count] == [k % 2 == 1 for k in range(count)]
    assert data(decoded)[-1]["online"] is True
    assert "of whole numbers 0 and 1 alone are booleans" in decoded.bad[-1].message
    assert row_by_row(decoding, batch(*values))[0] == data(decoded)
    assert reader("json").decode(batch(json.dumps({**ROW, "online": 1}).encode())).bad, "in other formats 1 is a number"


@pytest.mark.parametrize("count", [0, 40])
@pytest.mark.parametrize("field", ["customer", "event_id", "amount", "items"])
def test_a_value_that_the_database_did_not_send_is_never_taken_for_one(field: str, count: int) -> None:
    values = [plain(event_id=f"e{k}") for k in range(count)] + [plain(**{field: UNAVAILABLE})]
    decoding = reader("debezium")
    decoded = decoding.decode(batch(*values))

    assert len(decoded.index) == count
    assert [(b.position, b.error_class) for b in decoded.bad] == [(count, "UnfitRecord")]
    assert decoded.bad[0].message.startswith(f"{field} (from after.{field}): the database did not send this value")
    assert "REPLICA IDENTITY FULL" in decoded.bad[0].message
    assert row_by_row(decoding, batch(*values))[1] == [(count, "UnfitRecord")]


def test_a_time_in_another_unit_is_refused_with_the_key_to_set() -> None:
    (bad,) = reader("debezium").decode(batch(plain(at=AT_MS * 1_000))).bad

    assert "unit" in bad.message


@given(st.integers(-(10**60), 10**60), st.integers(-40, 40))
def test_an_unscaled_number_is_read_exactly(number: int, scale: int) -> None:
    found = from_unscaled(unscaled(number), scale)
    assert found is not None
    sign, digits, exponent = found.as_tuple()
    assert (int("".join(map(str, digits))) * (-1 if sign else 1), exponent) == (number, -scale)
    assert from_unscaled(base(number), str(scale)) == found


@pytest.mark.parametrize(
    ("value", "scale"),
    [
        (b"", 2),
        ("", 2),
        ("?", 2),
        (b"\1" * 5_000, 2),
        (b"\1", 10**9),
        (b"\1", -(10**9)),
        (b"\1", None),
        (b"\1", 1.5),
        (5, 2),
    ],
)  # fmt: skip
def test_what_is_no_unscaled_number_is_none(value: Any, scale: Any) -> None:
    assert from_unscaled(value, scale) is None
