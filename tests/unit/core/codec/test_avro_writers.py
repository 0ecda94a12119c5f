"""Writers' Avro schemas by id: references work, and what cannot be used is told apart."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest

from tests.unit.core.codec.support import EVENT_V1, Catalog, confluent, event
from tests.unit.core.sources.support import AT_MS, FakeRegistry, batch, data, path, reader
from tidemill.codec import Codec
from tidemill.codec.registry.client import Entry
from tidemill.codec.registry.lookups import AGAIN_S, Remembered
from tidemill.codec.registry.writers import writer_of
from tidemill.contracts.schemas.catalog import Schema

CURRENCY = {"type": "enum", "name": "Currency", "namespace": "shop.base", "symbols": ["EUR", "USD"]}
MONEY = {
    "type": "record", "name": "Money", "namespace": "shop",
    "fields": [{"name": "amount", "type": "double"}, {"name": "currency", "type": "shop.base.Currency"}],
}  # fmt: skip
CHARGE = {
    "type": "record", "name": "Charge", "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"}, {"name": "at", "type": "long"}, {"name": "money", "type": "Money"},
        {"name": "refund", "type": ["null", "shop.Money"], "default": None},
        {"name": "also", "type": {"type": "array", "items": "shop.base.Currency"}, "default": []},
    ],
}  # fmt: skip
REFERRING = FakeRegistry(
    {7: Entry("AVRO", json.dumps(CHARGE), (("shop.Money", "money", 1),))},
    {
        ("money", 1): Entry("AVRO", json.dumps(MONEY), (("shop.base.Currency", "currency", 3),)),
        ("currency", 3): Entry("AVRO", json.dumps(CURRENCY)),
    },
)


def test_references_are_written_into_the_schema_that_refers_to_them() -> None:
    schema = writer_of(7, REFERRING)
    assert isinstance(schema, Schema), schema

    names: dict[str, Any] = {}
    for part in (CURRENCY, MONEY):
        fastavro.parse_schema(part, named_schemas=names)
    row = {
        "id": "c1", "at": AT_MS, "money": {"amount": 2.5, "currency": "USD"}, "also": ["EUR"],
        "refund": {"amount": 1.0, "currency": "EUR"},
    }  # fmt: skip
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(CHARGE, named_schemas=names), row)
    assert fastavro.schemaless_reader(io.BytesIO(stream.getvalue()), schema.parsed, None) == row

    fields = {"event_id": path("id"), "amount": path("money.amount"), "customer": path("refund.currency")}
    decoded = reader("avro", REFERRING, fields=fields).decode(batch(*[b"\0\0\0\0\7" + stream.getvalue()] * 3))
    assert decoded.bad == []
    assert {(row["event_id"], row["amount"], row["customer"]) for row in data(decoded)} == {("c1", 2.5, "EUR")}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (None, "has no schema under id 5"),
        (Entry("PROTOBUF", "x"), "of the kind PROTOBUF, and Avro is read here: say `format: protobuf`"),
        (Entry("JSON", "{}"), "say `format: json-schema`"),
        (Entry("AVRO", '[{"type": "record", "name": "A", "fields": []}, "B"]'), "a union of A, B at its top"),
        (Entry("AVRO", '"string"'), "of the type string, and no record"),
        (Entry("AVRO", '{"type": "enum", "name": "E", "symbols": ["A"]}'), "of the type E, and no record"),
        (Entry("AVRO", "{"), "not JSON"),
        (Entry("AVRO", "[" * 100_000), "not JSON"),
        (Entry("AVRO", json.dumps(CHARGE)), "unknown type 'Money'"),
        (Entry("AVRO", json.dumps(CHARGE), (("shop.Money", "money", 9),)), "does not have as money, version 9"),
    ],
)
def test_what_cannot_be_used_is_told_apart(entry: Entry | None, said: str) -> None:
    registry = FakeRegistry({5: entry} if entry else {})
    for reason in (
        writer_of(5, registry),
        reader("avro", registry).decode(batch(b"\0\0\0\0\5abc")).bad[0].message,
        Codec(Catalog(EVENT_V1), registry).decode([b"\0\0\0\0\5abc"], EVENT_V1).bad[0].message,  # type: ignore[arg-type]
    ):
        assert isinstance(reason, str)
        assert said in reason
        assert "id 5" in reason


def test_what_was_not_found_is_asked_for_again_after_a_while_and_what_was_found_never() -> None:
    now, asked, known = 0.0, [], {1: "one"}

    def look_up(key: int) -> str | None:
        asked.append(key)
        return known.get(key)

    remembered = Remembered(look_up, lambda found: found is not None, monotonic_s=lambda: now)
    assert [remembered[1], remembered[1], remembered[2], remembered[2]] == ["one", "one", None, None]
    known = {2: "two"}
    now += AGAIN_S - 1
    assert remembered[2] is None
    now += 1
    assert [remembered[2], remembered[1]] == ["two", "one"]
    now += 1_000 * AGAIN_S
    assert [remembered[2], remembered[1]] == ["two", "one"]
    assert asked == [1, 2, 2]


def test_a_schema_that_is_registered_late_is_read_though_its_first_records_were_set_aside() -> None:
    registry, now = FakeRegistry(), 0.0
    codec = Codec(Catalog(EVENT_V1), registry, monotonic_s=lambda: now)  # type: ignore[arg-type]
    value = confluent(5, EVENT_V1, event(1))
    assert [b.error_class for b in codec.decode([value], EVENT_V1).bad] == ["UnknownSchema"]
    registry.entries[5] = Entry("AVRO", EVENT_V1.text)
    assert len(codec.decode([value], EVENT_V1).bad) == 1
    now += AGAIN_S
    assert codec.decode([value], EVENT_V1).bad == []


def test_json_in_a_registrys_frame_is_told_what_format_it_is_of() -> None:
    decoded = reader("json").decode(batch(b'\0\0\0\0\7{"a": 1}', b"\xff\xfe{"))
    assert "the source's format is json-schema" in decoded.bad[0].message
    assert decoded.bad[1].message == "not JSON: the bytes are no UTF-8 text"
