"""Avro that claims more than it holds: bounded before it is read, by sources and by the codec alike."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import fastavro
import pytest

from tests.unit.core.codec.support import Catalog
from tests.unit.core.sources.support import FakeRegistry, batch, data, reader
from tidemill.codec import Codec
from tidemill.codec.registry.client import Entry
from tidemill.codec.registry.writers import writer_of
from tidemill.contracts.schemas.catalog import make_schema
from tidemill.errors import ConfigError, DeadLetter

BASE: list[dict[str, Any]] = [{"name": "event_id", "type": "string"}, {"name": "amount", "type": "double"}]
START = b"\x02a" + bytes(8)
CHAIN = [*BASE, {"name": "next", "type": ["null", "N"], "default": None}]
NULLS = [*BASE, {"name": "x", "type": {"type": "array", "items": "null"}}]
TREE = [*BASE, {"name": "x", "type": {"type": "array", "items": {"type": "map", "values": "N"}}}]
EMPTY = [
    *BASE,
    {"name": "x", "type": {"type": "array", "items": {"type": "record", "name": "E", "fields": []}}},
]
DEEP = 60
BUSY_S = 20.0
"""No bound of the machine's speed: what is not bounded takes hours, or the process's memory."""


def doubled(levels: int, leaf: str) -> list[dict[str, Any]]:
    """Types that name the one below twice: 2^levels leaves from a short text."""
    node: dict[str, Any] = {"type": "record", "name": "R0", "fields": [{"name": "a", "type": leaf}]}
    for k in range(1, levels):
        fields = [{"name": "a", "type": node}, {"name": "b", "type": f"R{k - 1}"}]
        node = {"type": "record", "name": f"R{k}", "fields": fields}
    return [*BASE, {"name": "x", "type": node}]


def zigzag(number: int) -> bytes:
    number = ((number << 1) ^ (number >> 63)) & (2**64 - 1)
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def text(fields: list[dict[str, Any]]) -> str:
    return json.dumps({"type": "record", "name": "N", "fields": fields})


HOSTILE = {
    "a chain of a million": (CHAIN, (START + b"\x02") * 1_000_000 + START + b"\0"),
    "a million billion nulls": (NULLS, START + zigzag(10**15) + b"\0"),
    "as many in a sized block": (NULLS, START + zigzag(-(10**15)) + b"\0\0"),
    "the most of all": (NULLS, START + zigzag(-(2**63)) + b"\0\0"),
    "many blocks of nulls": (NULLS, START + zigzag(15_000) * 100_000 + b"\0"),
    "empty records": (EMPTY, START + zigzag(10**15) + b"\0"),
    "a tree of arrays of maps": (TREE, (START + b"\x02\x02\x02k") * 500_000),
    "two to the thirtieth nulls": (doubled(30, "null"), START),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_claims_too_much_is_refused_by_every_reader_soon(case: str) -> None:
    fields, payload = HOSTILE[case]
    registry = FakeRegistry({7: Entry("AVRO", text(fields))})
    value = b"\0\0\0\0\7" + payload
    own = make_schema("n", json.loads(text(BASE)))
    codec = Codec(Catalog(own), registry)  # type: ignore[arg-type]
    began = time.monotonic()

    found = reader("avro", registry, event_time="record").decode(batch(value)).bad
    assert [b.error_class for b in found] == ["MalformedRecord"]
    assert "levels deep" in found[0].message or "claims" in found[0].message
    assert [b.error_class for b in codec.decode([value], own).bad] == ["MalformedRecord"]
    with pytest.raises(DeadLetter, match=r"levels deep|claims"):
        codec.decode_one(value, own)
    assert time.monotonic() - began < BUSY_S


def written(fields: list[dict[str, Any]], row: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(json.loads(text(fields))), row)
    return stream.getvalue()


def chain(length: int) -> dict[str, Any]:
    row: dict[str, Any] = {"event_id": "e", "amount": 1.0, "next": None}
    for k in range(length - 1):
        row = {"event_id": f"e{k}", "amount": 1.0, "next": row}
    return row


def test_what_is_nested_within_reason_is_read() -> None:
    registry = FakeRegistry({7: Entry("AVRO", text(CHAIN)), 8: Entry("AVRO", text(NULLS))})
    nulls = written(NULLS, {"event_id": "n", "amount": 2.0, "x": [None] * 1_000})
    values = [b"\0\0\0\0\7" + written(CHAIN, chain(DEEP)), b"\0\0\0\0\x08" + nulls]
    decoded = reader("avro", registry, event_time="record").decode(batch(*values))

    assert decoded.bad == []
    assert [row["event_id"] for row in data(decoded)] == [f"e{DEEP - 2}", "n"]


def nested(levels: int) -> dict[str, Any]:
    node: Any = "long"
    for _ in range(levels):
        node = {"type": "array", "items": node}
    return {"type": "record", "name": "N", "fields": [*BASE, {"name": "x", "type": node}]}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (nested(900), "nested more than"),
        (
            {"type": "record", "name": "N", "fields": [{"name": f"f{k}", "type": "long"} for k in range(30_000)]},
            "parts",
        ),
    ],
)
def test_a_schema_that_is_too_large_is_refused_from_a_file_and_from_a_registry(
    document: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        make_schema("n", document)
    reason = writer_of(7, FakeRegistry({7: Entry("AVRO", json.dumps(document))}))
    assert isinstance(reason, str)
    assert said in reason


def test_defaults_of_defaults_have_an_end() -> None:
    endless = text([*BASE, {"name": "next", "type": "N", "default": {}}])
    wide: dict[str, Any] = {"type": "record", "name": "R0", "fields": [{"name": "a", "type": "long", "default": 0}]}
    for k in range(1, 28):
        fields = [{"name": "a", "type": wide, "default": {}}, {"name": "b", "type": f"R{k - 1}", "default": {}}]
        wide = {"type": "record", "name": f"R{k}", "fields": fields}
    for schema in (endless, text([*BASE, {"name": "x", "type": wide, "default": {}}])):
        reason = writer_of(7, FakeRegistry({7: Entry("AVRO", schema)}))
        assert isinstance(reason, str)
        assert "defaults" in reason
