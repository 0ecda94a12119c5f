"""Schemas without logical types: times are then the numbers that stand on the wire."""

from __future__ import annotations

from typing import Any

from fastavro import parse_schema


def parse_plain(schema: dict[str, Any]) -> Any:
    """fastavro's form of an .avsc; logical types are ignored, so no value is out of a Python type's range."""
    return parse_schema(_strip(schema))


def _strip(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _strip(value) for key, value in node.items() if key != "logicalType"}
    if isinstance(node, list):
        return [_strip(item) for item in node]
    return node
