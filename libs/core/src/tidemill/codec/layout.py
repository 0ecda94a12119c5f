"""What an Avro record schema looks like in columns.

Bytes and strings have the same Avro binary (a length, then that many bytes), and the columnar decoder knows only
strings: so bytes are read and written as strings of the same buffers, and viewed as binary on our side. The decoder
does not check UTF-8, which makes that exact; real strings are checked afterwards (see `tidemill.codec.columns`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyruhvro

from tidemill.codec.empty_types import is_free
from tidemill.codec.lengths import Measure, measures_of
from tidemill.codec.plain import parse_plain
from tidemill.contracts.schemas.avro_types import beside_null, branches, is_nullable

_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "string", "bytes"})
# What pyruhvro 0.4 was seen to read and write byte for byte like fastavro. Any other logical type is given
# as the type
# below it, as the Avro specification asks of a reader that does not know one.
_LOGICAL_TYPES = frozenset({"timestamp-millis", "timestamp-micros", "date"})


@dataclass(frozen=True, slots=True)
class Layout:
    """A schema prepared for columns.

    `wire_text`: the schema given to pyruhvro. `plain`: the schema for fastavro, without logical types. `wire_arrow`:
    the fields that pyruhvro produces and takes. `arrow`: the fields of decoded batches, in the record's order,
    timestamps in UTC. `required`: fields that admit no null. `measures`: see `tidemill.codec.lengths`.
    """

    wire_text: str
    plain: Any
    wire_arrow: pa.Schema
    arrow: pa.Schema
    required: tuple[str, ...]
    measures: Mapping[str, Measure] | None = None


def layout_of(schema: dict[str, Any]) -> Layout | None:
    """Prepare the record schema `schema` (an .avsc as parsed JSON); None where it has a type that columns
    don't hold.

    Those are unions of more than one type beside null, `fixed`, and types that are referred to by name.
    """
    fields = schema["fields"]
    if not all(_supported(field["type"]) for field in fields):
        return None
    wire_text = json.dumps({**schema, "fields": _wire_fields(fields)} | {"aliases": []})
    try:
        wire_arrow = pyruhvro.avro_to_arrow_schema(wire_text)
    except ValueError:  # its parser is stricter than the specification, about names for example
        return None
    arrow = pa.schema([_public_field(wire_arrow.field(f["name"]), f["type"]) for f in fields])
    required = tuple(f["name"] for f in fields if not is_nullable(f["type"]))
    return Layout(wire_text, parse_plain(schema), wire_arrow, arrow, required, measures_of(schema))


def _supported(node: Any) -> bool:
    if isinstance(node, str):
        return node in _PRIMITIVES
    if isinstance(node, list):
        one = beside_null(node)
        return one is not None and _supported(one)
    kind = node["type"]
    if kind == "record":
        return all(_supported(field["type"]) for field in node["fields"])
    if kind == "array" and is_free(node["items"]):
        return False  # any number of them takes no bytes
    if kind in ("array", "map"):
        return _supported(node["items" if kind == "array" else "values"])
    return kind == "enum" or _supported(kind)


def _wire_type(node: Any) -> Any:
    if isinstance(node, str):
        return "string" if node == "bytes" else node
    if isinstance(node, list):
        return [_wire_type(branch) for branch in node]
    if node["type"] == "record":
        return {**node, "fields": _wire_fields(node["fields"])}
    if node["type"] == "array":
        return {**node, "items": _wire_type(node["items"])}
    if node["type"] == "map":
        return {**node, "values": _wire_type(node["values"])}
    if node["type"] == "enum" or node.get("logicalType") in _LOGICAL_TYPES:
        return node
    return _wire_type(node["type"])


def _wire_fields(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name and type alone: defaults and aliases say nothing about bytes, and could be refused."""
    return [{"name": field["name"], "type": _wire_type(field["type"])} for field in fields]


def _public_field(wire: pa.Field, node: Any) -> pa.Field:
    if _wire_name(node) == "bytes":
        return wire.with_type(pa.binary())
    if pa.types.is_struct(wire.type):
        fields = {field["name"]: field["type"] for field in _record(node)["fields"]}
        return wire.with_type(pa.struct([_public_field(inner, fields[inner.name]) for inner in wire.type]))
    if pa.types.is_list(wire.type):
        return wire.with_type(pa.list_(_public_field(wire.type.value_field, _inside(node, "items"))))
    if pa.types.is_map(wire.type):
        return wire.with_type(
            pa.map_(wire.type.key_field, _public_field(wire.type.item_field, _inside(node, "values")))
        )
    if pa.types.is_timestamp(wire.type):
        return wire.with_type(pa.timestamp(wire.type.unit, tz="UTC"))
    return wire


def _inside(node: Any, part: str) -> Any:
    """What an array or map is of, behind a nullable union and behind {"type": ...}."""
    if isinstance(node, list):
        return _inside(branches(node)[0], part)
    return node[part] if part in node else _inside(node["type"], part)


def _record(node: Any) -> Any:
    """The record behind a nullable union and behind {"type": ...}."""
    if isinstance(node, list):
        return _record(branches(node)[0])
    return node if node["type"] == "record" else _record(node["type"])


def _wire_name(node: Any) -> Any:
    """The name of the type behind a nullable union and behind {"type": ...}."""
    if isinstance(node, list):
        return _wire_name(next(iter(branches(node)), "null"))
    return _wire_name(node["type"]) if isinstance(node, dict) else node
