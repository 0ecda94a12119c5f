"""Schemas and a catalog small enough to read in one look."""

from __future__ import annotations

import io
from typing import Any

import fastavro

from tidemill.codec.framing import confluent_header, single_object_header
from tidemill.codec.registry.client import Entry
from tidemill.contracts.schemas.catalog import Schema, make_schema

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


def record(name: str, fields: list[dict[str, Any]]) -> Schema:
    """A record schema of the given fields."""
    return make_schema(name, {"type": "record", "name": name, "namespace": "test", "fields": fields})


EVENT_V1 = record(
    "Event",
    [
        {"name": "event_id", "type": "string"},
        {"name": "at", "type": MILLIS},
        {"name": "amount", "type": ["null", "double"], "default": None},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}},
        {"name": "payload", "type": ["null", "bytes"], "default": None},
        {"name": "count", "type": "int"},
    ],
)
EVENT_V2 = record(
    "Event",
    [
        {"name": "event_id", "type": "string"},
        {"name": "at", "type": MILLIS},
        {"name": "amount", "type": ["null", "double"], "default": None},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}},
        {"name": "payload", "type": ["null", "bytes"], "default": None},
        {"name": "count", "type": "long"},
        {"name": "colour", "type": "string", "default": "grey"},
    ],
)
OTHER = record("Other", [{"name": "event_id", "type": "string"}])


class Catalog:
    """Stands in for a SchemaCatalog: what the codec uses of it. No other is about to take its place."""

    def __init__(self, *schemas: Schema) -> None:
        self._schemas = {schema.fingerprint: schema for schema in schemas}

    def writer(self, fingerprint: bytes) -> Schema | None:
        return self._schemas.get(fingerprint)

    def coming(self) -> bool:
        return False


class DictRegistry:
    """A registry in memory."""

    def __init__(self, texts: dict[int, str] | None = None) -> None:
        self.texts = texts or {}

    def entry(self, schema_id: int) -> Entry | None:
        text = self.texts.get(schema_id)
        return None if text is None else Entry("AVRO", text)

    def version(self, subject: str, version: int) -> Entry | None:
        return None

    def register(self, subject: str, text: str) -> int:
        for schema_id, known in self.texts.items():
            if known == text:
                return schema_id
        self.texts[len(self.texts) + 1] = text
        return len(self.texts)


def binary(schema: Schema, datum: dict[str, Any]) -> bytes:
    """The Avro binary as fastavro writes it."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema.parsed, datum)
    return stream.getvalue()


def framed(schema: Schema, datum: dict[str, Any]) -> bytes:
    return single_object_header(schema.fingerprint) + binary(schema, datum)


def confluent(schema_id: int, schema: Schema, datum: dict[str, Any]) -> bytes:
    return confluent_header(schema_id) + binary(schema, datum)


def event(n: int, **over: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{n}", "at": 1_700_000_000_000 + n, "amount": n / 2, "kind": "ab"[n % 2], "payload":
        b"\xff\x00",
        "count": n, **over,
    }  # fmt: skip
