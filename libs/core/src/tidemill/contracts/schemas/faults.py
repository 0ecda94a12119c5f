"""What is wrong with an .avsc, in words, and where it stands in its text."""

from __future__ import annotations

import difflib
from typing import Final

from fastavro.schema import UnknownType

PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
LOGICAL: Final = {
    "timestamp-millis": "long", "timestamp-micros": "long", "time-millis": "int", "time-micros": "long", "date": "int",
    "uuid": "string", "local-timestamp-millis": "long", "local-timestamp-micros": "long", "duration": "fixed",
}  # fmt: skip
"""Logical types, which are no types by themselves, to the type that they annotate."""
OTHERS: Final = {
    "integer": "long",
    "number": "double",
    "text": "string",
    "bool": "boolean",
    "timestamp": "timestamp-millis",
}
"""What other languages call them."""


def told(error: Exception) -> str:
    """A fault that fastavro found, as a person can mend it."""
    if not isinstance(error, UnknownType):
        return f"{error}" if str(error) else type(error).__name__
    name = str(error.name)
    return f"unknown type {short(name)!r}{_cure(short(name))}"


def place(error: Exception, text: str) -> tuple[int, int] | None:
    """Line and column of a fault in the schema's text, from 1; None where it names nothing that stands there."""
    if not isinstance(error, UnknownType):
        return None
    for name in (str(error.name), short(str(error.name))):
        at = text.find(f'"{name}"')
        if at >= 0:
            return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return None


def short(name: str) -> str:
    """A type's name as it stands in the text, without the namespace that it was looked up in."""
    return name.rpartition(".")[2]


def _cure(name: str) -> str:
    if name == "decimal":
        example = '{"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}'
        return f': a logical type stands beside its type, as in {example}; for a model\'s number write "double"'
    if name in LOGICAL:
        return f': a logical type stands beside its type, as in {{"type": "{LOGICAL[name]}", "logicalType": "{name}"}}'
    if name in ("record", "enum", "array", "map", "fixed"):
        return f': write it out, as in {{"type": "{name}", ...}}'
    near = OTHERS.get(name.lower()) or next(iter(difflib.get_close_matches(name[:50], PRIMITIVES, n=1)), "")
    known = (
        f"did you mean {near!r}?" if near else f"Avro has {', '.join(PRIMITIVES)}, and the types that the schema names"
    )
    return f": {known}"
