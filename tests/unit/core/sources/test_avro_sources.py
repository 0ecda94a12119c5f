"""Avro with the producers' own schema, and Debezium's Avro, as records of a model."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from tests.unit.core.sources.support import AT_MS, FakeRegistry, batch, data, path, reader, row_by_row
from tidemill.codec.registry.client import Entry
from tidemill.contracts.schemas.catalog import make_schema
from tidemill.errors import RetryLater

MONEY = {
    "type": "record", "name": "Money",
    "fields": [{"name": "amount", "type": "float"}, {"name": "exact", "type": ["null", {
        "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}], "default": None}],
}  # fmt: skip
WRITER = {
    "type": "record", "name": "Charge", "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "when", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "who", "type": ["null", "string"]},
        {"name": "money", "type": ["null", MONEY]},
        {"name": "tags", "type": {"type": "map", "values": "double"}},
    ],
}  # fmt: skip
FIELDS = {"event_id": path("id"), "at": path("when"), "customer": path("who"), "amount": path("money.amount")}
AT = datetime.fromtimestamp(AT_MS / 1000, UTC)


def charge(number: int, **over: Any) -> dict[str, Any]:
    money = {"amount": number / 2, "exact": Decimal("12.34")}
    return {"id": number, "when": AT, "who": "w", "money": money, "tags": {"x": 2.5}, **over}


def framed(row: dict[str, Any], schema: Any = WRITER, header: bytes = b"\0\0\0\0\7") -> bytes:
    stream = io.BytesIO(header)
    stream.seek(0, 2)
    schemaless_writer(stream, parse_schema(json.loads(json.dumps(schema))), row)
    return stream.getvalue()


REGISTRY = FakeRegistry({7: Entry("AVRO", json.dumps(WRITER)), 9: Entry("JSON", "{}")})


def test_nested_records_of_a_registrys_schema_are_flattened_by_paths() -> None:
    values = [framed(charge(k, who=None if k % 2 else "w")) for k in range(50)]
    decoding = reader("avro", REGISTRY, fields=FIELDS)
    decoded = decoding.decode(batch(*values))

    assert decoded.bad == []
    assert data(decoded)[3] == {
        "event_id": "3", "at": AT_MS, "customer": None, "amount": 1.5, "items": None, "online": True
    }  # fmt: skip
    assert row_by_row(decoding, batch(*values)) == (data(decoded), [])


def test_decimals_and_maps_are_read_row_by_row() -> None:
    for place, value in (("money.exact", 12.34), ("tags.x", 2.5)):
        decoded = reader("avro", REGISTRY, fields={**FIELDS, "amount": path(place)}).decode(batch(framed(charge(1))))
        assert [row["amount"] for row in data(decoded)] == [value]


def test_a_missing_outer_record_makes_its_fields_missing() -> None:
    decoded = reader("avro", REGISTRY, fields=FIELDS).decode(batch(framed(charge(1, money=None)), framed(charge(2))))

    assert decoded.index.tolist() == [1]
    assert decoded.bad[0].message == "amount (from money.amount): is missing"


def test_what_is_not_avro_of_a_known_schema_is_bad() -> None:
    good = framed(charge(1))
    values = [good[:-1], good + b"x", framed(charge(1), header=b"\0\0\0\0\x08"), b"\0\0\0\0\x09abc", b"{}", None]
    decoded = reader("avro", REGISTRY, fields=FIELDS).decode(batch(*values, good))

    assert decoded.index.tolist() == [6]
    assert [b.error_class for b in decoded.bad] == [
        "MalformedRecord", "MalformedRecord", "UnknownSchema", "UnknownSchema", "UnknownFormat", "Tombstone",
    ]  # fmt: skip


def test_single_objects_are_read_by_the_schema_file_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "charge.avsc").write_text(json.dumps(WRITER))
    header = b"\xc3\x01" + make_schema("charge", WRITER).fingerprint
    known, unknown = framed(charge(4), header=header), framed(charge(4), header=b"\xc3\x01" + bytes(8))
    decoded = reader("avro", None, tmp_path, fields=FIELDS, schema="charge.avsc").decode(batch(known, unknown))

    assert [row["event_id"] for row in data(decoded)] == ["4"]
    assert [b.error_class for b in decoded.bad] == ["UnknownSchema"]


VALUE = {**WRITER, "name": "Value"}
ENVELOPE = {
    "type": "record", "name": "Envelope", "namespace": "shop.public.charges",
    "fields": [
        {"name": "before", "type": ["null", {**VALUE, "namespace": "shop.public.charges"}], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "op", "type": "string"},
        {"name": "ts_ms", "type": ["null", "long"], "default": None},
    ],
}  # fmt: skip


def test_debeziums_avro_refers_to_the_row_by_name_and_is_read_in_columns() -> None:
    registry = FakeRegistry({7: Entry("AVRO", json.dumps(ENVELOPE))})
    envelopes = [
        {"before": charge(k) if op in "ud" else None, "after": None if op == "d" else charge(k + 1), "op": op}
        for k, op in enumerate("cur" * 5 + "d")
    ]
    values = [framed({"ts_ms": 5, **envelope}, ENVELOPE) for envelope in envelopes]
    decoding = reader("debezium", registry, fields={**FIELDS, "items": path("ts_ms")})
    decoded = decoding.decode(batch(*values, None))

    assert [row["event_id"] for row in data(decoded)] == [str(k + 1) for k in range(15)]
    assert {row["items"] for row in data(decoded)} == {5}
    assert [b.error_class for b in decoded.bad] == ["DeletedRow", "Tombstone"]
    assert len(decoding.form.parts[0].positions) == 15
    assert sorted(decoding.form.slow) == [15, 16], "the deleted row and the tombstone"


class AwayRegistry(FakeRegistry):
    """A registry that does not answer."""

    def entry(self, schema_id: int) -> Entry | None:
        raise RetryLater("the registry is away")


@pytest.mark.parametrize(
    ("form", "value"), [("avro", framed(charge(1))), ("json-schema", b"\0\0\0\0\7{}"), ("protobuf", b"\0\0\0\0\7\0")]
)
def test_nothing_is_bad_while_the_registry_is_away(form: str, value: bytes) -> None:
    away = reader(form, AwayRegistry(), fields=FIELDS)

    for _ in range(2):
        with pytest.raises(RetryLater):
            away.decode(batch(value))


def test_a_local_timestamp_has_no_offset_and_is_set_aside_with_that_reason() -> None:
    local = {"type": "long", "logicalType": "local-timestamp-millis"}
    fields: list[dict[str, Any]] = [{**f, "type": local} if f["name"] == "when" else f for f in WRITER["fields"]]  # type: ignore[attr-defined]
    registry = FakeRegistry({7: Entry("AVRO", json.dumps({**WRITER, "fields": fields}))})
    value = framed(charge(1, when=AT_MS), {**WRITER, "fields": fields})

    decoded = reader("avro", registry, fields=FIELDS).decode(batch(value))
    assert [b.error_class for b in decoded.bad] == ["UnfitRecord"]
    assert decoded.bad[0].message.startswith("at (from when): ")
    assert "offset" in decoded.bad[0].message
