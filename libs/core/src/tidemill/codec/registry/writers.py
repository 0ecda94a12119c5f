"""Writers' Avro schemas from a registry: by id, with what they refer to written into them; or why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tidemill.codec.plain import parse_plain
from tidemill.codec.registry.client import Registry
from tidemill.codec.registry.references import MissingReference, referenced_texts
from tidemill.contracts.schemas.catalog import Schema, make_schema
from tidemill.errors import ConfigError

FORMATS: Final = {"JSON": "json-schema", "PROTOBUF": "protobuf"}
NAMED: Final = ("record", "enum", "fixed", "error")


def writer_of(number: int, registry: Registry | None) -> Schema | str:
    """The record schema under an id, or in words why it cannot be used. Raises RetryLater."""
    if registry is None:
        return f"schema id {number} needs a schema registry: set TIDEMILL_SCHEMA_REGISTRY_URL"
    entry = registry.entry(number)
    if entry is None:
        return f"the schema registry has no schema under id {number}"
    if entry.kind != "AVRO":
        cure = f": say `format: {FORMATS[entry.kind]}` in the model file's source" if entry.kind in FORMATS else ""
        return f"the schema under id {number} is of the kind {entry.kind}, and Avro is read here{cure}"
    try:
        document = _document(entry.text)
        parts = [_document(text) for text in referenced_texts(entry, registry).values()]
        if isinstance(document, list):
            names = ", ".join(_name(branch) for branch in document[:5])
            return f"the schema under id {number} is a union of {names} at its top: one record is read here"
        if not isinstance(document, dict) or document.get("type") not in ("record", "error"):
            return f"the schema under id {number} is of the type {_name(document)}, and no record"
        schema = make_schema(f"id-{number}", _Joined(parts).into(document) if parts else document)
        parse_plain(schema.json)  # its defaults have an end
        return schema
    except MissingReference as error:
        return f"the Avro schema under id {number} cannot be used: {error}"
    except (ConfigError, ValueError, TypeError, KeyError, RecursionError) as error:
        return f"the Avro schema under id {number} cannot be used: {error}"


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error


def _name(node: Any) -> str:
    found = node.get("name") or node.get("type") if isinstance(node, dict) else node
    return str(found)[:60] if isinstance(found, str) else "several types"


class _Joined:
    """Named types of other texts, each written into a schema where it is named for the first time."""

    def __init__(self, parts: list[Any]) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        for part in parts:
            self._collect(part, "")
        self._written: set[str] = set()

    def into(self, document: dict[str, Any]) -> dict[str, Any]:
        """`document` with nothing left that another text has to say."""
        found = self._node(document, "")
        assert isinstance(found, dict)
        return found

    def _collect(self, node: Any, space: str) -> None:
        if isinstance(node, list):
            for branch in node:
                self._collect(branch, space)
        elif isinstance(node, dict):
            if node.get("type") in NAMED:
                full = full_name(node, space)
                space = full.rpartition(".")[0]
                self._known.setdefault(full, {**node, "name": full.rpartition(".")[2], "namespace": space})
            for part in (node.get("items"), node.get("values"), node.get("type")):
                self._collect(part, space)
            for field in node.get("fields") or ():
                self._collect(field, space)

    def _node(self, node: Any, space: str) -> Any:
        if isinstance(node, str):
            return self._reference(node, space)
        if isinstance(node, list):
            return [self._node(branch, space) for branch in node]
        if not isinstance(node, dict):
            return node
        done = dict(node)
        if node.get("type") in NAMED:
            full = full_name(node, space)
            if full in self._written:
                return full
            self._written.add(full)
            space = full.rpartition(".")[0]
            if "fields" in node:
                done["fields"] = [{**field, "type": self._node(field["type"], space)} for field in node["fields"]]
            return done
        return done | {key: self._node(node[key], space) for key in ("items", "values", "type") if key in node}

    def _reference(self, name: str, space: str) -> Any:
        full = name if "." in name or not space else f"{space}.{name}"
        full = full if full in self._known else name
        if full not in self._known or full in self._written:
            return full if full in self._written else name
        return self._node(self._known[full], "")


def full_name(node: Mapping[str, Any], space: str) -> str:
    """The full name of a named type that stands in a namespace (Avro specification, "Names")."""
    name, given = str(node["name"]), node.get("namespace", space)
    return name if "." in name or not given else f"{given}.{name}"
