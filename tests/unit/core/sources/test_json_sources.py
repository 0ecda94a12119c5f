"""Plain JSON, JSON Schema and Debezium's JSON as records of a model."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.sources.support import AT_MS, FakeRegistry, batch, data, path, reader, row_by_row
from tidemill.codec.registry.client import Entry
from tidemill.sources.formats.json_contract import JsonContract

GOOD = {"event_id": "e1", "at": AT_MS, "customer": "c", "amount": 5, "items": 2, "online": False, "extra": [1, {}]}


def text(**over: Any) -> bytes:
    return json.dumps({**GOOD, **over}).encode()


def test_fields_stand_under_their_own_name_where_the_source_names_none() -> None:
    decoded = reader("json").decode(batch(*[text(event_id=f"e{k}") for k in range(40)]))

    assert decoded.bad == []
    assert data(decoded)[7] == {
        "event_id": "e7", "at": AT_MS, "customer": "c", "amount": 5.0, "items": 2, "online": False
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("name", ["amount", "payload"])
def test_a_key_that_stands_twice_is_refused_where_the_record_asks_for_it(count: int, name: str) -> None:
    nested = b'{"amount": 5, "amount": 6}' if name == "amount" else b'{"amount": 5}, "payload": {"amount": 6}'
    value = b'{"event_id": "e", "at": %d, "payload": %s}' % (AT_MS, nested)
    source = {"fields": {"amount": path("payload.amount")}}
    decoded = reader("json", **source).decode(batch(*[value] * count))
    assert len(decoded.bad) == count
    assert "stands twice in one object" in decoded.bad[0].message


def test_a_key_that_stands_twice_and_no_field_asks_for_is_nothing_to_a_row_as_to_columns() -> None:
    value = b'{"event_id": "e", "at": %d, "amount": 1, "else": 1, "else": 2}' % AT_MS
    for count in (1, 40):
        assert reader("json").decode(batch(*[value] * count)).bad == []


def test_paths_units_headers_keys_and_coordinates_give_fields() -> None:
    source = {
        "event_id": "coordinates", "event_time": path("meta.at", "us"), "key": "record",
        "fields": {"amount": path("payload.money.amount"), "items": path("payload.items")},
    }  # fmt: skip
    value = json.dumps({"meta": {"at": AT_MS * 1000 + 999}, "payload": {"money": {"amount": 1.5}}}).encode()
    decoded = reader("json", **source).decode(batch(*[value] * 20, keys=[b"c9"] * 20))

    assert decoded.bad == []
    assert data(decoded)[3] == {
        "event_id": "ops.payments-2-103", "at": AT_MS, "customer": "c9", "amount": 1.5, "items": None, "online": True
    }  # fmt: skip


def test_coordinates_in_a_topic_made_anew_name_it_since_there_were_the_same_in_the_one_before() -> None:
    given = replace(batch(*[b'{"amount": 1}'] * 20), anew={2: "Yx3-_q2nTf6nFqkS0c-4pQ"})
    decoded = reader("json", event_id="coordinates", event_time="record").decode(given)
    later = reader("json", event_id="coordinates", event_time="record").decode(given.part(5, 9).at([2, 0]))

    assert data(decoded)[3]["event_id"] == "ops.payments@Yx3-_q2nTf6nFqkS0c-4pQ-2-103"
    assert [row["event_id"] for row in data(later)] == [data(decoded)[k]["event_id"] for k in (7, 5)]


def test_an_event_id_in_a_header_and_the_records_own_time() -> None:
    source = {"event_id": "header:id", "event_time": "record"}
    found = reader("json", **source).decode(batch(b'{"amount": 1}', headers=[("id", b"h1")]))
    without = reader("json", **source).decode(batch(b'{"amount": 1}'))

    assert [(row["event_id"], row["at"]) for row in data(found)] == [("h1", AT_MS)]
    assert without.bad[0].message == "event_id (from header id): is missing"


def test_bad_records_are_told_apart_with_every_wrong_field_and_the_good_ones_stay() -> None:
    values = [text(event_id=f"e{k}") for k in range(100)]
    values[3] = text(amount="5", at="yesterday")
    values[50] = b'{"event_id": "cut'
    values[51] = b"[1]"
    values[52] = b'{"a": 1}{"a": 2}'
    values[53] = b"[" * 100_000
    values[54] = text(amount=float("nan"))
    decoded = reader("json").decode(batch(*values, None, b""))

    assert len(decoded.index) == 94
    assert [(b.position, b.error_class) for b in decoded.bad] == [
        (3, "UnfitRecord"), *((k, "MalformedRecord") for k in (50, 51, 52, 53, 54)),
        (100, "Tombstone"), (101, "EmptyValue"),
    ]  # fmt: skip
    assert "NaN is no number in JSON" in decoded.bad[5].message
    assert "at:" in decoded.bad[0].message
    assert "amount:" in decoded.bad[0].message


@pytest.mark.parametrize(
    "moment", ["2023-11-14T22:13:20.123Z", "2023-11-14T23:13:20.123456+01:00", AT_MS, float(AT_MS)]
)
def test_a_time_may_be_text_with_an_offset_or_a_number(moment: Any) -> None:
    decoded = reader("json").decode(batch(*[text(at=moment)] * 30))

    assert [row["at"] for row in data(decoded)] == [AT_MS] * 30


def test_a_time_without_an_offset_is_refused() -> None:
    decoded = reader("json").decode(batch(*[text(at="2023-11-14T22:13:20")] * 30))

    assert len(decoded.bad) == 30
    assert "has no offset" in decoded.bad[0].message


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5), st.just([1]), st.just({}),
    st.sampled_from(["2023-11-14T22:13:20Z", "2023-02-30T00:00:00Z", "0000-01-01T00:00:00Z", 5.0, AT_MS]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(list(GOOD)), VALUES), min_size=16, max_size=24))
def test_columns_and_rows_give_the_same(changes: list[dict[str, Any]]) -> None:
    given_batch = batch(*[text(**change) for change in changes], *[text()] * 16)
    decoding = reader("json")
    decoded = decoding.decode(given_batch)
    rows, bad = row_by_row(decoding, given_batch)

    assert [(b.position, b.error_class) for b in decoded.bad] == bad
    assert repr(data(decoded)) == repr(rows)


def test_framed_json_is_read_where_the_registry_has_a_json_schema_under_its_id() -> None:
    registry = FakeRegistry({7: Entry("JSON", "{}"), 8: Entry("AVRO", '"string"')})
    framed = [b"\0\0\0\0" + bytes([number]) + text() for number in (7, 8, 9)]
    decoded = reader("json-schema", registry).decode(batch(*framed, text(), b"\0\0"))

    assert decoded.index.tolist() == [0]
    assert [b.error_class for b in decoded.bad] == ["UnknownSchema", "UnknownSchema", "UnknownFormat", "UnknownFormat"]


STRICT = {
    "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["event_id", "amount"],
    "properties": {"amount": {"type": "number", "minimum": 0}, "a/b": {"$ref": "address.json"}},
}  # fmt: skip
ADDRESS = {"type": "object", "properties": {"zip~code": {"type": "string", "pattern": "^[0-9]{5}$"}}}
STRICT_REGISTRY = FakeRegistry(
    {7: Entry("JSON", json.dumps(STRICT), (("address.json", "address", 2),))},
    {("address", 2): Entry("JSON", json.dumps(ADDRESS))},
)


def in_frame(value: bytes) -> bytes:
    return b"\0\0\0\0\7" + value


def test_a_document_that_breaks_its_schema_is_set_aside_with_the_json_pointer_and_without_its_value() -> None:
    values = [in_frame(text(event_id=f"e{k}")) for k in range(40)]
    values[4] = in_frame(text(amount=-17))
    values[9] = in_frame(text(**{"a/b": {"zip~code": "secret"}}))
    values[11] = in_frame(json.dumps({"event_id": "e", "at": AT_MS}).encode())
    values[12] = in_frame(b'{"cut')
    decoding = reader("json-schema", STRICT_REGISTRY)
    decoded = decoding.decode(batch(*values))

    assert len(decoded.index) == 36
    assert [(b.position, b.error_class) for b in decoded.bad] == [
        (4, "SchemaViolation"), (9, "SchemaViolation"), (11, "SchemaViolation"), (12, "MalformedRecord"),
    ]  # fmt: skip
    assert decoded.bad[0].message == (
        "does not keep to its JSON Schema: /amount: the value is less than the minimum of 0"
    )
    assert "/a~1b/zip~0code: the value does not match" in decoded.bad[1].message
    assert '"amount" is a required property' in decoded.bad[2].message
    assert row_by_row(decoding, batch(*values))[1] == [(b.position, b.error_class) for b in decoded.bad]


@pytest.mark.parametrize(
    ("schema", "why"),
    [('{"$ref": "http://example.org/elsewhere.json"}', "elsewhere.json"), ('{"type": "objekt"}', "objekt"), ("{", "")],
)
def test_a_schema_that_cannot_be_used_is_named_and_nothing_is_fetched_for_it(schema: str, why: str) -> None:
    decoded = reader("json-schema", FakeRegistry({7: Entry("JSON", schema)})).decode(batch(in_frame(text())))

    assert [b.error_class for b in decoded.bad] == ["UnknownSchema"]
    assert decoded.bad[0].message.startswith("the JSON Schema under id 7 cannot be used: ")
    assert why in decoded.bad[0].message


def test_a_document_nested_as_deeply_as_json_can_be_read_is_judged_by_a_schema_that_refers_to_itself() -> None:
    nested = JsonContract('{"type": ["object", "array"], "items": {"$ref": "#"}}')

    assert nested.problem(json.loads("[" * 900 + "]" * 900)) is None
    assert str(nested.problem(json.loads("[" * 900 + "1" + "]" * 900))).startswith("/0/0/0")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["amount", "event_id", "a/b"]), VALUES))
def test_documents_are_judged_as_the_reference_implementation_does(document: dict[str, Any]) -> None:
    document = json.loads(json.dumps(document))
    schema = {**STRICT, "properties": {**STRICT["properties"], "a/b": ADDRESS}}  # type: ignore[dict-item]

    ours = JsonContract(json.dumps(schema)).problem(document) is None

    assert ours == jsonschema.Draft7Validator(schema).is_valid(document)


def change(op: str, wrapped: bool, **over: Any) -> bytes:
    row = {**GOOD, **over}
    envelope = {
        "before": None if op in "cr" else row, "after": None if op == "d" else row, "op": op,
        "source": {"ts_ms": 5, "table": "payments"}, "ts_ms": 1,
    }  # fmt: skip
    return json.dumps({"schema": {}, "payload": envelope} if wrapped else envelope, separators=(",", ":")).encode()


@pytest.mark.parametrize("wrapped", [True, False])
def test_debeziums_rows_are_events_and_what_is_none_is_set_aside_by_name(wrapped: bool) -> None:
    values: list[bytes | None] = [change(op, wrapped, event_id=f"{op}{k}") for k in range(10) for op in "cur"]
    decoded = reader("debezium", fields={"items": path("payload.source.ts_ms")}).decode(
        batch(*values, change("d", wrapped), None, change("t", wrapped), b'{"a":1}')
    )

    assert len(decoded.index) == 30
    assert data(decoded)[0]["items"] == 5
    assert [b.error_class for b in decoded.bad] == ["DeletedRow", "Tombstone", "NoRow", "MalformedRecord"]


def test_paths_into_debeziums_envelope_may_leave_out_payload_and_after() -> None:
    for place in ("payload.after.amount", "after.amount", "amount"):
        decoded = reader("debezium", fields={"amount": path(place)}).decode(batch(*[change("c", True, amount=9)] * 20))
        assert {row["amount"] for row in data(decoded)} == {9.0}
