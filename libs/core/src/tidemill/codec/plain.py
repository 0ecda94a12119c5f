"""Schemas without logical types: times are then the numbers that stand on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastavro import parse_schema

from tidemill.contracts.schemas.avro_types import branches

MOST_VALUES = 50_000
DEEPEST = 128


def parse_plain(schema: dict[str, Any]) -> Any:
    """fastavro's form of an .avsc; logical types are ignored, so no value is out of a Python type's range.

    Defaults are data and no longer JSON: bytes are bytes, and a record that leaves fields to their own defaults is
    whole. fastavro hands them out as they stand there. Raises ValueError where they have no end.
    """
    parsed = parse_schema(_strip(schema))
    names = {str(node["name"]): node for node in _named(parsed)}
    for node in names.values():
        for field in node.get("fields", ()):
            if "default" in field:
                field["default"] = _Datum(names).of(field["type"], field["default"])
    return parsed


def _strip(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: value if key == "default" else _strip(value) for key, value in node.items() if key != "logicalType"
        }
    if isinstance(node, list):
        return [_strip(item) for item in node]
    return node


def _named(node: Any) -> Iterator[dict[str, Any]]:
    """Every named type that is written out inside of a parsed schema."""
    if isinstance(node, list):
        for branch in node:
            yield from _named(branch)
    elif isinstance(node, dict):
        if "name" in node:
            yield node
        for field in node.get("fields", ()):
            yield from _named(field["type"])
        for part in ("items", "values", "type"):
            yield from _named(node.get(part))


class _Datum:
    """A default in JSON as data (Avro specification, "Complex Types"); as it is where it does not fit its type."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names, self._left = names, MOST_VALUES

    def of(self, kind: Any, default: Any, depth: int = 0) -> Any:
        """The value of one type; fields that a record leaves out take their own defaults."""
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            raise ValueError("the defaults of its fields' records make too many values, or no end of them")
        if isinstance(kind, list):
            return self.of(_branch(kind, default), default, depth + 1)
        if isinstance(kind, dict) and isinstance(kind["type"], (dict, list)):
            return self.of(kind["type"], default, depth + 1)
        node = kind if isinstance(kind, dict) else self._names.get(kind, {"type": kind})
        match node["type"], default:
            case (("bytes" | "fixed"), str()):
                return default.encode("latin-1", "replace")
            case (("float" | "double"), int()):
                return float(default)
            case "array", list():
                return [self.of(node["items"], item, depth + 1) for item in default]
            case "map", dict():
                return {key: self.of(node["values"], value, depth + 1) for key, value in default.items()}
            case "record", dict():
                fields = {f["name"]: (f["type"], default.get(f["name"], f.get("default"))) for f in node["fields"]}
                return {name: self.of(kind, value, depth + 1) for name, (kind, value) in fields.items()}
        return default


def _branch(union: list[Any], default: Any) -> Any:
    """The branch that a default is of: the first, or since Avro 1.12 the one beside null."""
    rest = branches(union)
    return "null" if default is None or not rest else rest[0]
