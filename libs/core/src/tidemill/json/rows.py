"""From JSON, as people send it, to an Avro datum: strictly typed, every wrong field named with its reason.

Nothing is guessed: the text "5" is not a number, 1 is not a boolean, a time without an offset is refused.
What JSON cannot write exactly has one notation: times are ISO-8601 with an offset or integer milliseconds
since the epoch, dates ISO-8601, bytes Base64, a whole number may be written 5.0. A field may be left out
where the schema has a default for it or admits null. Fields that the schema does not have are errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tidemill.contracts.schemas.avro_types import branches, is_nullable
from tidemill.contracts.schemas.catalog import Schema
from tidemill.errors import ConfigError
from tidemill.json.fast_accept import QuickReader
from tidemill.json.values import LOGICAL, PRIMITIVE, Convert, FieldError, cut, join, string, wrong
from tidemill.nearest import did_you_mean

__all__ = ["Convert", "FieldError", "field_converters", "from_json"]

LISTED_FIELDS = 10
"""Of a row full of unknown fields no more than these are named; the others are counted."""


def from_json(row: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """The Avro datum of one JSON object: every field of `schema`, in its order, times as integers of their
    unit.

    Raises FieldError, which lists all wrong fields; ConfigError where the schema has a type that JSON rows
    do not cover (decimal, fixed, duration, a reference to a named type).
    """
    datum: dict[str, Any] = _converter(schema)(row, "")
    return datum


def field_converters(schema: Schema) -> dict[str, Convert]:
    """What `from_json` does to the value of each field; a field that is left out is not theirs. Raises ConfigError."""
    return {field["name"]: _compile(field["type"]) for field in schema.json["fields"]}


@lru_cache(maxsize=256)
def _converter(schema: Schema) -> Convert:
    return _record(schema.json)


def _compile(node: Any) -> Convert:
    """The converter of an Avro type. Each takes a value and its path and raises FieldError."""
    if isinstance(node, list):
        return _union(node)
    if isinstance(node, str):
        node = {"type": node}
    kind = node["type"]
    if not isinstance(kind, str):
        return _compile(kind)
    logical = node.get("logicalType")
    if (kind, logical) in LOGICAL:
        return LOGICAL[kind, logical]
    if kind in PRIMITIVE and logical is None:
        return PRIMITIVE[kind]
    if kind in _NESTED:
        return _NESTED[kind](node)
    raise ConfigError(f"rows given as JSON cannot hold Avro's {logical or kind}")


def _record(node: Mapping[str, Any]) -> Convert:
    fields = {f["name"]: (_compile(f["type"]), _absent(f)) for f in node["fields"]}
    names = frozenset(fields)
    quick = QuickReader(node, {name: convert for name, (convert, _) in fields.items()})

    def convert(value: Any, path: str) -> dict[str, Any]:
        if value.__class__ is not dict and not isinstance(value, Mapping):
            raise wrong(value, path, "an object")
        known = quick(value)
        if known is not None:
            return known
        datum: dict[str, Any] = {}
        errors: list[tuple[str, str]] = []
        for name, (convert_field, absent) in fields.items():
            try:
                at = join(path, name)
                datum[name] = convert_field(value[name], at) if name in value else absent(at)
            except FieldError as error:
                errors.extend(error.errors)
        if len(value) > len(fields) or not fields.keys() >= value.keys():
            errors.extend(_unknown(value, names, path))
        if errors:
            raise FieldError(*errors[0], errors=tuple(errors))
        return datum

    return convert


def _absent(field: Mapping[str, Any]) -> Callable[[str], Any]:
    """What a record gets for a field that the row leaves out."""
    if "default" in field:
        return lambda path: field["default"]
    if is_nullable(field["type"]):
        return lambda path: None

    def missing(path: str) -> Any:
        raise FieldError(path, "is missing")

    return missing


def _unknown(value: Mapping[str, Any], known: frozenset[str], path: str) -> list[tuple[str, str]]:
    unknown = [str(key) for key in value if key not in known]
    errors = [
        (join(path, cut(name)), f"is not a field of the record{did_you_mean(name, known)}")
        for name in unknown[:LISTED_FIELDS]
    ]
    if len(unknown) > LISTED_FIELDS:
        errors.append((path, f"has {len(unknown) - LISTED_FIELDS} more fields that are not of the record"))
    return errors


def _array(node: Mapping[str, Any]) -> Convert:
    item = _compile(node["items"])

    def convert(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise wrong(value, path, "an array")
        return [item(element, f"{path}[{position}]") for position, element in enumerate(value)]

    return convert


def _map(node: Mapping[str, Any]) -> Convert:
    member = _compile(node["values"])

    def convert(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong(value, path, "an object")
        return {string(key, path): member(element, join(path, cut(str(key)))) for key, element in value.items()}

    return convert


def _enum(node: Mapping[str, Any]) -> Convert:
    symbols = tuple(node["symbols"])

    def convert(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in symbols:
            raise wrong(value, path, f"one of {', '.join(symbols)}")
        return value

    return convert


def _union(union: list[Any]) -> Convert:
    others = branches(union)
    alone = len(others) == 1  # else a whole number is for the branch of numbers, and never text
    converters = [string if branch == "string" and not alone else _compile(branch) for branch in others]
    nullable = is_nullable(union)

    def convert(value: Any, path: str) -> Any:
        if value is None and nullable:
            return None
        failure = FieldError(path, "must be null")
        for candidate in converters:
            try:
                return candidate(value, path)
            except FieldError as error:
                failure = error
        raise failure

    return convert


_NESTED: dict[str, Callable[[Mapping[str, Any]], Convert]] = {
    "record": _record,
    "array": _array,
    "map": _map,
    "enum": _enum,
}
