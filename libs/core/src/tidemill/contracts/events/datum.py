"""Frozen dataclasses to Avro data and back, by their type hints alone."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

TIMESTAMP_MILLIS = "timestamp-millis"
Millis = Annotated[int, TIMESTAMP_MILLIS]
"""Milliseconds since 1970-01-01 UTC, as int."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_Convert = Callable[[Any], Any]


class Datum:
    """Base of the platform's events: a frozen dataclass whose fields are the record's, in order."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The Avro datum: nested dicts, lists, and ints (milliseconds) for times."""
        return {name: _plain(getattr(self, name)) for name in _converters(type(self))}

    @classmethod
    def from_dict(cls, datum: Mapping[str, Any]) -> Self:
        """The event in an Avro datum.

        Times may be datetimes (with a zone) or ints. Raises KeyError for a missing field.
        """
        return cls(**{name: convert(datum[name]) for name, convert in _converters(cls).items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Datum):
        return value.to_dict()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _converters(cls: Any) -> dict[str, _Convert]:
    return _cached_converters(cls)


@cache
def _cached_converters(cls: Any) -> dict[str, _Convert]:
    hints = get_type_hints(cls, include_extras=True)
    return {f.name: _converter(hints[f.name]) for f in fields(cls)}


def _converter(hint: Any) -> _Convert:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint == Millis:
        return _milliseconds
    if origin in (types.UnionType, Union):
        inner = _converter(next(a for a in arguments if a is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        item = _converter(arguments[0])
        return lambda values: tuple(item(value) for value in values)
    if origin is not None and origin is not Literal and issubclass(origin, Mapping):
        of_value = _converter(arguments[1])
        return lambda values: {str(key): of_value(value) for key, value in values.items()}
    if isinstance(hint, type) and issubclass(hint, Datum):
        return hint.from_dict
    return float if hint is float else lambda value: value


def _milliseconds(value: Any) -> int:
    return (value - _EPOCH) // _MILLISECOND if isinstance(value, datetime) else int(value)
