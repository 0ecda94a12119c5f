"""Types whose values may take no bytes: any number of them can be claimed by a few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_free(node: Any, names: Mapping[str, Any] | None = None, within: tuple[str, ...] = ()) -> bool:
    """Whether values of a type may take no bytes at all."""
    node = (names or {}).get(node, node) if isinstance(node, str) else node
    if isinstance(node, str):
        return node == "null"
    if isinstance(node, list):
        return False  # the branch's number is a byte
    if isinstance(node["type"], (dict, list)):
        return is_free(node["type"], names, within)
    if node["type"] in ("record", "error"):
        if node["name"] in within:
            return True
        return all(is_free(field["type"], names, (*within, node["name"])) for field in node["fields"])
    return bool(node["type"] == "null" or (node["type"] == "fixed" and node["size"] == 0))
