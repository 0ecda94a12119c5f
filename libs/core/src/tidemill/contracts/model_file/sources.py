"""`source` and `target.source`: a topic of someone else's, and how its records become the model's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, cast

import tidemill.contracts.model_file.vocabulary as words
from tidemill.contracts.model_file.spec import ExternalSource, FieldPath, SourceFormat, TimeUnit
from tidemill.contracts.model_file.yaml.nodes import Section, Value

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
    return _read(value)[0]


def _read(value: Value) -> tuple[ExternalSource, Section]:
    found = value.section(KEYS, required=("topic", "format"))
    stated = found.read("format", lambda v: v.choice(words.FORMATS), "", "")
    kind = stated if found.certain("format") else ""
    readers: dict[str, Callable[[Value], Any]] = {
        "event_id": _place,
        "key": _key,
        "event_time": _event_time,
        "fields": _fields,
        "schema": lambda v: _schema_file(v, kind),
        "message": lambda v: _message(v, kind),
    }
    topic = found.read("topic", _topic, "", "")
    return ExternalSource(topic=topic, format=cast(SourceFormat, kind), **found.options(readers)), found


def read_label_source(value: Value) -> ExternalSource:
    """`target.source`: as `source`, with the fields of a label. What a label is about cannot be made up."""
    source, found = _read(value)
    if source.event_id == COORDINATES:
        said = "a label names the event that it is about: `coordinates` are its own"
        value.mistakes.add(found.entries["event_id"].error(said))
    if "key" in found.entries:
        said = "labels are keyed by the event id: `key` belongs to `source`"
        value.mistakes.add(found.entries["key"].error(said, at_key=True))
    fields = found.entries.get("fields")
    for name, child in fields.read(Value.entries, {}).items() if fields else ():
        if name not in words.LABEL_FIELDS:
            known = ", ".join(words.LABEL_FIELDS)
            value.mistakes.add(child.error(f"a label has no field {name!r}", f"known are {known}", at_key=True))
    return source


def _place(value: Value) -> str:
    text = value.text()
    _check_place(value, text)
    return text


def _key(value: Value) -> str:
    text = value.text()
    if text.startswith(HEADER):
        _check_place(value, text)
    return text


def _fields(value: Value) -> dict[str, FieldPath]:
    wrong = FieldPath(())
    return {name: child.read(_field, wrong) for name, child in value.entries().items()}


def _message(value: Value, kind: str) -> str:
    if kind not in ("", "protobuf"):
        raise value.error(f"`{value.path}` belongs to protobuf only", at_key=True)
    return value.text()


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
    found = value.section(("path", "unit"), required=("path",))
    unit = found.read("unit", lambda v: cast(TimeUnit, v.choice(words.UNITS)), None, None)
    return FieldPath(found.read("path", lambda v: _path(v, v.text()), (), ()), unit)


def _path(value: Value, text: str) -> tuple[str, ...]:
    parts = tuple(text.split("."))
    if not all(parts):
        raise value.wants("names with dots between them, such as `payload.after.amount`")
    return parts


def _schema_file(value: Value, kind: str) -> str:
    anything = tuple({ending: None for endings in SCHEMA_FILES.values() for ending in endings})
    name, endings = value.text(), SCHEMA_FILES.get(kind, ()) if kind else anything
    if not endings:
        raise value.error(f"`{value.path}`: {kind} needs no schema file", at_key=True)
    if not name.endswith(endings) or Path(name).name != name:
        raise value.wants(f"the name of a file in schemas/models/ that ends in {' or '.join(endings)}")
    return name
