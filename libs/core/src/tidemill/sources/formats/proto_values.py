"""Values of a Protobuf message: as columns know them and as rows do.

A field without presence (proto3's plain scalars) has a value even where nothing was sent: zero, or empty text. A field
with presence that was not sent is missing. Google's Timestamp is a time; its wrappers are what they wrap; an enum is
the name of its value, or its number where the name is not known.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
from google.protobuf.descriptor import FieldDescriptor as F

from tidemill.sources.part import Path

TIMESTAMP: Final = "google.protobuf.Timestamp"
WRAPPERS: Final = tuple(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)  # fmt: skip
_ARROW: Final[dict[int, pa.DataType]] = {
    F.CPPTYPE_INT32: pa.int32(), F.CPPTYPE_INT64: pa.int64(), F.CPPTYPE_UINT32: pa.uint32(),
    F.CPPTYPE_UINT64: pa.uint64(), F.CPPTYPE_DOUBLE: pa.float64(), F.CPPTYPE_FLOAT: pa.float32(),
    F.CPPTYPE_BOOL: pa.bool_(), F.CPPTYPE_ENUM: pa.string(),
}  # fmt: skip
Get = Callable[[Any], Any]


def getter(message: Any, path: Path) -> tuple[Get, pa.DataType] | None:
    """How to get a path's value of a message with this descriptor, None where it is missing, and its Arrow type.

    None where no field is there, or what is there is no scalar: such are read row by row.
    """
    field = message.fields_by_name.get(path[0])
    if field is None or field.is_repeated:
        return None
    if len(path) == 1:
        return _leaf(field)
    inner = getter(field.message_type, path[1:]) if field.message_type is not None else None
    if inner is None:
        return None
    get, kind = inner
    outer = _present(field)
    return lambda message: None if (found := outer(message)) is None else get(found), kind


def is_columnar(message: Any, path: Path) -> bool:
    """Whether `getter` gives what rows have at a path; True where there is no such field at all."""
    field = message.fields_by_name.get(path[0])
    if field is None:
        return True
    if field.is_repeated or (field.message_type is None and len(path) > 1):
        return False
    if len(path) == 1:
        return _leaf(field) is not None
    return field.message_type.full_name not in (TIMESTAMP, *WRAPPERS) and is_columnar(field.message_type, path[1:])


def _leaf(field: Any) -> tuple[Get, pa.DataType] | None:
    get = _present(field)
    if field.message_type is None:
        if field.cpp_type == F.CPPTYPE_ENUM:
            names = field.enum_type.values_by_number
            return lambda message: _name(names, get(message)), pa.string()
        if field.cpp_type == F.CPPTYPE_STRING:
            return get, pa.binary() if field.type == F.TYPE_BYTES else pa.string()
        return get, _ARROW[field.cpp_type]
    if field.message_type.full_name == TIMESTAMP:
        return lambda message: _micros(get(message)), pa.timestamp("us", "UTC")
    if field.message_type.full_name in WRAPPERS:
        inner, kind = _leaf(field.message_type.fields_by_name["value"]) or (None, None)
        assert inner is not None
        return lambda message: None if (found := get(message)) is None else inner(found), kind
    return None


def _present(field: Any) -> Get:
    name = field.name
    if not field.has_presence:
        return operator.attrgetter(name)
    return lambda message: getattr(message, name) if message.HasField(name) else None


def _name(names: Any, number: int | None) -> str | None:
    return None if number is None else names[number].name if number in names else str(number)


def _micros(moment: Any) -> int | None:
    return None if moment is None else moment.seconds * 1_000_000 + moment.nanos // 1_000


def to_row(message: Any) -> dict[str, Any]:
    """A message as nested mappings; fields that are missing are left out."""
    return {
        field.name: value
        for field in message.DESCRIPTOR.fields
        if (value := _value(field, getattr(message, field.name), message)) is not None
    }


def _value(field: Any, value: Any, message: Any) -> Any:
    if field.is_repeated:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            inner = entry.fields_by_name["value"]
            return {str(key): _one(inner, found) for key, found in value.items()}
        return [_one(field, found) for found in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _one(field, value)


def _one(field: Any, value: Any) -> Any:
    from datetime import UTC, datetime, timedelta

    if field.message_type is None:
        return _name(field.enum_type.values_by_number, value) if field.cpp_type == F.CPPTYPE_ENUM else value
    if field.message_type.full_name == TIMESTAMP:
        try:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=_micros(value) or 0)
        except OverflowError:
            return "a time outside the years 1 to 9999"
    if field.message_type.full_name in WRAPPERS:
        return value.value
    return to_row(value)
