"""The repository's own contract, loaded once for the tests."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog, read_schema
from tidemill.contracts.topics import TopicCatalog

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
AVSC = sorted([*SCHEMAS.glob("*.avsc"), *SCHEMAS.glob("models/*.avsc")])


@cache
def models() -> dict[str, ModelSpec]:
    """The repository's models: those that a platform runs, and those of the examples."""
    folders = [ROOT / "models", *sorted(ROOT.glob("examples/*/models"))]
    return {name: spec for folder in folders for name, spec in load_models(folder).items()}


@cache
def catalog() -> SchemaCatalog:
    """The repository's schemas."""
    return SchemaCatalog.load(SCHEMAS, models())


@cache
def topics() -> TopicCatalog:
    """The repository's topics, without a prefix."""
    return TopicCatalog.load(SCHEMAS)


def example(name: str, kind: str) -> dict[str, Any]:
    """`schemas/examples/<name>.<kind>.json`."""
    document: dict[str, Any] = json.loads((SCHEMAS / "examples" / f"{name}.{kind}.json").read_text())
    return document


def spelled_out(path: Path) -> Schema:
    """A schema with every reference by name replaced by what it refers to, as rows given as JSON need it."""
    schema = read_schema(path)
    return replace(schema, json=_spell_out(schema.json, {}))


def _spell_out(node: Any, named: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_spell_out(item, named) for item in node]
    if isinstance(node, str):
        return named.get(node, node)
    if not isinstance(node, dict):
        return node
    children = ("type", "items", "values", "fields")
    result = {key: _spell_out(value, named) if key in children else value for key, value in node.items()}
    if "name" in result and result["type"] in ("record", "enum"):
        named[result["name"]] = result
    return result
