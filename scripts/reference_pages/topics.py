"""A page of the topics, from topics.yaml and the platform's schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reference_pages.markdown import code, page, table
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog, TopicSpec

INTRODUCTION = """Made of `schemas/topics.yaml` and the Avro schemas beside it. The same for programs is an AsyncAPI \
3.0 document: [asyncapi.yaml](asyncapi.yaml), which has partitions, every setting of a topic, keys and headers, too. \
Where a topic has a schema of the model's own, that is `schemas/models/MODEL.avsc`. `TIDEMILL_PREFIX` stands before \
every name."""


def written(topics: TopicCatalog, schemas: SchemaCatalog) -> str:
    """The page."""
    head = ["topic", "what is on it", "written by", "read by", "key", "schema", "partitions", "kept"]
    parts = [table(head, (_row(spec) for spec in topics.specs))]
    for schema in sorted((one for one in schemas if _of_platform(one.json)), key=lambda one: one.name):
        if schema is schemas.platform(schema.name):
            parts += [
                f"## {schema.name}",
                schema.json.get("doc", ""),
                table(["field", "type", "meaning"], _fields(schema.json)),
            ]
    return page("Topics", INTRODUCTION, *parts)


def _of_platform(document: dict[str, Any]) -> bool:
    return document.get("namespace") == "dev.tidemill"


def _row(spec: TopicSpec) -> tuple[str, ...]:
    kept = "for ever" if spec.retention is None else f"{spec.retention.days} days"
    partitions = "the model's" if spec.partitions is None else str(spec.partitions)
    compacted = ", compacted" if spec.cleanup == "compact" else ""
    return (
        code(spec.pattern),
        spec.description,
        ", ".join(spec.producers),
        ", ".join(spec.consumers),
        spec.key,
        spec.schema or "bytes",
        partitions,
        kept + compacted,
    )


def _fields(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for field in record["fields"]:
        default = f" Default: `{field['default']}`." if field.get("default") not in (None, [], {}) else ""
        yield code(prefix + field["name"]), type_of(field["type"]), field.get("doc", "") + default
        for inner in _records(field["type"]):
            yield from _fields(inner, f"{prefix}{field['name']}.")


def _records(kind: Any) -> Iterator[dict[str, Any]]:
    """The records that are spelled out in a type."""
    if isinstance(kind, list):
        for one in kind:
            yield from _records(one)
    elif isinstance(kind, dict):
        if kind["type"] == "record":
            yield kind
        for inner in ("items", "values"):
            yield from _records(kind.get(inner))


def type_of(kind: Any) -> str:
    """An Avro type in words."""
    if isinstance(kind, list):
        named = [type_of(one) for one in kind if one != "null"]
        return " or ".join(named) + (", may be null" if "null" in kind else "")
    if isinstance(kind, str):
        return kind
    shapes = {
        "record": lambda: "record",
        "enum": lambda: ", ".join(map(code, kind["symbols"])),
        "array": lambda: f"list of {type_of(kind['items'])}",
        "map": lambda: f"map of {type_of(kind['values'])}",
    }
    return kind.get("logicalType") or shapes.get(kind["type"], lambda: type_of(kind["type"]))()
