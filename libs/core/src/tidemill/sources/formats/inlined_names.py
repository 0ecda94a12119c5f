"""Avro schemas without references to named types, for decoders that don't follow them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tidemill.contracts.schemas.avro_types import beside_null

MOST_COPIES = 2_000
_NAMED = ("record", "enum", "fixed")
_LOGICAL = (None, "timestamp-millis", "timestamp-micros", "date", "uuid")


def is_columnar(node: Any, path: Sequence[str]) -> bool:
    """Whether columns of a schema without references tell what stands at a path as rows do: it leads through records
    only, and to nothing whose meaning columns lose (a decimal, say). True where there is no such field.
    """
    if isinstance(node, list):
        one = beside_null(node)
        return one is not None and is_columnar(one, path)
    if not isinstance(node, dict):
        return True
    if not path:
        return node.get("logicalType") in _LOGICAL and is_columnar(node["type"], path)
    if node["type"] == "record":
        inner = [field["type"] for field in node["fields"] if field["name"] == path[0]]
        return not inner or is_columnar(inner[0], path[1:])
    return node["type"] != "map" and is_columnar(node["type"], path)


def write_out_names(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The same schema with every reference replaced by a copy of what it names, under a name of its own.

    Names don't stand in Avro's binary form, so values are read alike. None where a type refers to itself
    or bytes lie in a list or a map: those have to be read one by one.
    """
    try:
        found = _Writer().node(schema, "")
    except _NotPossible:
        return None
    assert isinstance(found, dict)
    return found


class _NotPossible(Exception):
    pass


class _Writer:
    """Walks a schema in the order of its definitions. Every named type gets a number behind its name."""

    def __init__(self) -> None:
        self._types: dict[str, dict[str, Any]] = {}
        self._spaces: dict[str, str] = {}
        self._open: set[str] = set()
        self._count = 0

    def node(self, node: Any, space: str) -> Any:
        if isinstance(node, str):
            return self._reference(node, space)
        if isinstance(node, list):
            return [self.node(branch, space) for branch in node]
        if node["type"] in _NAMED:
            name, given = node["name"], node.get("namespace", space)
            full = name if "." in name or not given else f"{given}.{name}"
            self._types[full], self._spaces[full] = node, full.rpartition(".")[0]
            return self._copy(full)
        below = {key: self.node(node[key], space) for key in ("items", "values") if key in node}
        if '"bytes"' in json.dumps(below):
            raise _NotPossible  # columns take what lies in lists and maps for text
        if not below:
            below = {"type": self.node(node["type"], space)}
        return {**node, **below}

    def _reference(self, name: str, space: str) -> Any:
        full = name if "." in name or not space else f"{space}.{name}"
        known = full if full in self._types else name
        if known not in self._types:
            return name
        if known in self._open:
            raise _NotPossible
        return self._copy(known)

    def _copy(self, full: str) -> dict[str, Any]:
        self._count += 1
        if self._count > MOST_COPIES:
            raise _NotPossible  # types that name each other twice and twice again
        node = {key: value for key, value in self._types[full].items() if key not in ("namespace", "aliases")}
        node["name"] = f"{full.rpartition('.')[2]}_{self._count}"
        if node["type"] == "record":
            self._open.add(full)
            node["fields"] = [{**f, "type": self.node(f["type"], self._spaces[full])} for f in node["fields"]]
            self._open.discard(full)
        return node
