"""`source` and `target.source`: a topic of someone else's, and how its records become the model's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Literal, cast

from tidemill.contracts.model_file import vocabulary as words
from tidemill.contracts.model_file.nodes import Value
from tidemill.contracts.model_file.spec import ExternalSource, FieldPath, SourceFormat, TimeUnit

TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka's own rule
KEYS: Final = ("topic", "format", "event_id", "event_time", "key", "fields", "schema", "message")
HEADER: Final = "header:"
COORDINATES: Final = "coordinates"
RECORD: Final = "record"
SCHEMA_FILES: Final[dict[str, tuple[str, ...]]] = {
    "avro": (".avsc",),
    "debezium": (".avsc",),
    "protobuf": (".proto", ".desc", ".binpb"),
}


def read_source(value: Value) -> ExternalSource:
    """`source`: topic and format, and where what the record needs stands in it."""
    found = value.mapping(KEYS, required=("topic", "format"))
    kind = cast(SourceFormat, found["format"].choice(words.FORMATS))
    options: dict[str, Any] = {key: found[key].text() for key in ("event_id", "key") if key in found}
    if "event_id" in found:
        _check_place(found["event_id"], options["event_id"])
    if "key" in found and options["key"].startswith(HEADER):
        _check_place(found["key"], options["key"])
    if "event_time" in found:
        options["event_time"] = _event_time(found["event_time"])
    if "fields" in found:
        options["fields"] = {name: _field(child) for name, child in found["fields"].entries().items()}
    if "schema" in found:
        options["schema"] = _schema_file(found["schema"], kind)
    if "message" in found:
        if kind != "protobuf":
            raise found["message"].error(f"`{found['message'].path}` belongs to protobuf only", at_key=True)
        options["message"] = found["message"].text()
    return ExternalSource(topic=_topic(found["topic"]), format=kind, **options)


def read_label_source(value: Value) -> ExternalSource:
    """`target.source`: as `source`, with the fields of a label. What a label is about cannot be made up."""
    source = read_source(value)
    found = value.entries()
    if source.event_id == COORDINATES:
        raise found["event_id"].error("a label names the event that it is about: `coordinates` are its own")
    if source.key is not None:
        raise found["key"].error("labels are keyed by the event id: `key` belongs to `source`", at_key=True)
    for name, child in (found["fields"].entries() if "fields" in found else {}).items():
        if name not in words.LABEL_FIELDS:
            known = ", ".join(words.LABEL_FIELDS)
            raise child.error(f"a label has no field {name!r}", f"known are {known}", at_key=True)
    return source


def _topic(value: Value) -> str:
    name = value.text()
    if not TOPIC.fullmatch(name) or name in (".", ".."):
        raise value.wants("a topic's full name: letters, digits, dots, underscores and hyphens")
    return name


def _check_place(value: Value, text: str) -> None:
    if text.startswith(HEADER):
        if text == HEADER:
            raise value.wants("`header:NAME`")
    elif text != COORDINATES:
        _path(value, text)


def _event_time(value: Value) -> FieldPath | Literal["record"]:
    if value.is_scalar and value.text() == RECORD:
        return "record"
    return _field(value)


def _field(value: Value) -> FieldPath:
    """A path, or `{path: PATH, unit: us}`."""
    if value.is_scalar:
        return FieldPath(_path(value, value.text()))
    found = value.mapping(("path", "unit"), required=("path",))
    unit = cast(TimeUnit, found["unit"].choice(words.UNITS)) if "unit" in found else None
    return FieldPath(_path(found["path"], found["path"].text()), unit)


def _path(value: Value, text: str) -> tuple[str, ...]:
    parts = tuple(text.split("."))
    if not all(parts):
        raise value.wants("names with dots between them, such as `payload.after.amount`")
    return parts


def _schema_file(value: Value, kind: str) -> str:
    name, endings = value.text(), SCHEMA_FILES.get(kind, ())
    if not endings:
        raise value.error(f"`{value.path}`: {kind} needs no schema file", at_key=True)
    if not name.endswith(endings) or Path(name).name != name:
        raise value.wants(f"the name of a file in schemas/models/ that ends in {' or '.join(endings)}")
    return name
