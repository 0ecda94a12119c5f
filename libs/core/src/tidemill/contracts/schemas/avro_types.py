"""What an Avro type is beside null: a nullable field is a union with it."""

from __future__ import annotations

from typing import Any

__all__ = ["beside_null", "branches", "field_type", "is_nullable"]


def branches(union: list[Any]) -> list[Any]:
    """The types of a union without null."""
    return [branch for branch in union if branch != "null"]


def is_nullable(node: Any) -> bool:
    """Whether a value may be null: a union with null, or null itself."""
    return node == "null" or (isinstance(node, list) and "null" in node)


def beside_null(node: Any) -> Any:
    """The one type of a union beside null, None where there are several, or none; any other type is itself."""
    if not isinstance(node, list):
        return node
    others = branches(node)
    return others[0] if len(others) == 1 else None


def field_type(node: Any) -> tuple[str, bool]:
    """An Avro type as (name, nullable): a logical type by its name, a union of null and one type as that type.

    Anything else that is nested (records, arrays, wider unions) has its Avro name, or `union`, and fits no role of a
    model file.
    """
    if isinstance(node, list):
        one = beside_null(node)
        return ("union" if one is None else field_type(one)[0]), is_nullable(node)
    if isinstance(node, dict):
        return str(node.get("logicalType", node["type"])), False
    return str(node), is_nullable(node)
