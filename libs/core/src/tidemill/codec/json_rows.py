"""From JSON, as people send it, to an Avro datum: strictly typed, every wrong field named with its reason.

Nothing is guessed: the text "5" is not a number, 1 is not a boolean, a time without an offset is refused.
What JSON cannot write exactly has one notation: times are ISO-8601 with an offset or integer milliseconds
since the epoch, dates ISO-8601, bytes Base64, a whole number may be written 5.0. A field may be left out
where the schema has a default for it or admits null. Fields that the schema does not have are errors.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, TypeAlias

from tidemill.contracts.schemas import Schema
from tidemill.errors import ConfigError

__all__ = ["FieldError", "from_json"]

Convert: TypeAlias = Callable[[Any, str], Any]

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MIN_MILLIS = -62_135_596_800_000  # 0001-01-01T00:00:00Z: before it Python, and most readers, have no date
MAX_MILLIS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
SHOWN_CHARACTERS = 40
LISTED_FIELDS = 10


class FieldError(ValueError):
    """A row is not what the schema asks for. `field` is the path of the first wrong field, `reason` says
    why.

    `errors` holds every (field, reason) of the row, the first included: in the schema's order, then the
    unknown ones.
    """

    def __init__(self, field: str, reason: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason
        self.errors = errors or ((field, reason),)


def from_json(row: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """The Avro datum of one JSON object: every field of `schema`, in its order, times as integers of their
    unit.

    Raises FieldError, which lists all wrong fields; ConfigError where the schema has a type that JSON rows
    do not cover (decimal, fixed, duration, a reference to a named type).
    """
    datum: dict[str, Any] = _converter(schema)(row, "")
    return datum


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
    if (kind, logical) in _LOGICAL:
        return _LOGICAL[kind, logical]
    if kind in _PRIMITIVE and logical is None:
        return _PRIMITIVE[kind]
    if kind in _NESTED:
        return _NESTED[kind](node)
    raise ConfigError(f"rows given as JSON cannot hold Avro's {logical or kind}")


def _record(node: Mapping[str, Any]) -> Convert:
    fields = {f["name"]: (_compile(f["type"]), _absent(f)) for f in node["fields"]}

    def convert(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(value, path, "an object")
        datum: dict[str, Any] = {}
        errors: list[tuple[str, str]] = []
        for name, (convert_field, absent) in fields.items():
            try:
                datum[name] = (
                    convert_field(value[name], _join(path, name))
                    if name in value
                    else absent(_join(path, name))
                )
            except FieldError as error:
                errors.extend(error.errors)
        if len(value) > len(fields) or not fields.keys() >= value.keys():
            errors.extend(_unknown(value, fields, path))
        if errors:
            raise FieldError(*errors[0], errors=tuple(errors))
        return datum

    return convert


def _absent(field: Mapping[str, Any]) -> Callable[[str], Any]:
    """What a record gets for a field that the row leaves out."""
    if "default" in field:
        return lambda path: field["default"]
    if field["type"] == "null" or (isinstance(field["type"], list) and "null" in field["type"]):
        return lambda path: None

    def missing(path: str) -> Any:
        raise FieldError(path, "is missing")

    return missing


def _unknown(value: Mapping[str, Any], fields: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    errors = []
    for name in [key for key in value if key not in fields][:LISTED_FIELDS]:
        near = get_close_matches(str(name), list(fields), n=1) if len(str(name)) <= SHOWN_CHARACTERS else []
        errors.append(
            (
                _join(path, _cut(str(name))),
                f"is not a field of the record{f'; did you mean {near[0]}?' if near else ''}",
            )
        )
    return errors


def _array(node: Mapping[str, Any]) -> Convert:
    item = _compile(node["items"])

    def convert(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(value, path, "an array")
        return [item(element, f"{path}[{position}]") for position, element in enumerate(value)]

    return convert


def _map(node: Mapping[str, Any]) -> Convert:
    member = _compile(node["values"])

    def convert(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(value, path, "an object")
        return {
            _string(key, path): member(element, _join(path, _cut(str(key)))) for key, element in value.items()
        }

    return convert


def _enum(node: Mapping[str, Any]) -> Convert:
    symbols = tuple(node["symbols"])

    def convert(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in symbols:
            raise _wrong(value, path, f"one of {', '.join(symbols)}")
        return value

    return convert


def _union(branches: list[Any]) -> Convert:
    converters = [_compile(branch) for branch in branches if branch != "null"]
    nullable = len(converters) < len(branches)

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


def _null(value: Any, path: str) -> None:
    if value is not None:
        raise _wrong(value, path, "null")


def _boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, path, "true or false")
    return value


def _integer(lowest: int, highest: int, what: str) -> Convert:
    def convert(value: Any, path: str) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(value, path, what)
        if not lowest <= value <= highest:
            raise FieldError(path, f"{_show(value)} is out of range for {what}")
        return value

    return convert


def _double(value: Any, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(value, path, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FieldError(path, f"{_show(value)} is not a finite number")
    return number


def _float(value: Any, path: str) -> float:
    """Rounded to 32 bits here, so that a row means the same before and after the wire."""
    number = _double(value, path)
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        raise FieldError(path, f"{_show(value)} is out of range for a 32-bit float") from None
    return rounded


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, path, "a string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FieldError(path, "is not valid Unicode (a surrogate stands alone)") from None
    return value


def _bytes(value: Any, path: str) -> bytes:
    if not isinstance(value, str):
        raise _wrong(value, path, "Base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise FieldError(path, f"{_show(value)} is not Base64") from None


def _time(ticks_per_milli: int) -> Convert:
    """A converter to integer ticks since the epoch. Numbers are always milliseconds, whatever the unit of
    the field.
    """

    def convert(value: Any, path: str) -> int:
        if isinstance(value, str):
            ticks = (_moment(value, path) - EPOCH) // timedelta(microseconds=1000 // ticks_per_milli)
        elif isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
            ticks = int(value) * ticks_per_milli
        else:
            raise _wrong(value, path, "a time: ISO-8601 with an offset, or milliseconds since the epoch")
        if not MIN_MILLIS <= ticks // ticks_per_milli <= MAX_MILLIS:
            raise FieldError(
                path, f"{_show(value)} is no time in milliseconds since the epoch in the years 1 to 9999"
            )
        return ticks

    return convert


def _moment(text: str, path: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FieldError(
            path, f"{_show(text)} is not an ISO-8601 time such as 2013-01-31T17:05:00Z"
        ) from None
    if moment.tzinfo is None:
        raise FieldError(path, f"{_show(text)} has no offset: add Z for UTC or one such as -05:00")
    return moment


def _date(value: Any, path: str) -> int:
    if not isinstance(value, str):
        raise _wrong(value, path, "a date such as 2013-01-31")
    try:
        return (date.fromisoformat(value) - EPOCH.date()).days
    except ValueError:
        raise FieldError(path, f"{_show(value)} is not a date such as 2013-01-31") from None


def _wrong(value: Any, path: str, what: str) -> FieldError:
    if value is None:
        return FieldError(path, f"is null, not {what}")
    return FieldError(path, f"{_show(value)} is not {what}")


def _show(value: Any) -> str:
    """A value quoted for people, short whatever it is."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 128:
        return "an enormous integer"
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_PRIMITIVE: dict[str, Convert] = {
    "null": _null,
    "boolean": _boolean,
    "int": _integer(*INT32, "a whole number of 32 bits"),
    "long": _integer(*INT64, "a whole number of 64 bits"),
    "float": _float,
    "double": _double,
    "string": _string,
    "bytes": _bytes,
}
_LOGICAL: dict[tuple[str, str | None], Convert] = {
    ("long", "timestamp-millis"): _time(1),
    ("long", "timestamp-micros"): _time(1000),
    ("int", "date"): _date,
    ("string", "uuid"): _string,
}
_NESTED: dict[str, Callable[[Mapping[str, Any]], Convert]] = {
    "record": _record,
    "array": _array,
    "map": _map,
    "enum": _enum,
}
