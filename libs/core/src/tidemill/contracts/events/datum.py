"""Frozen dataclasses to Avro data and back, by their type hints alone."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
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
        return {name: plain(getattr(self, name)) for name, plain in _plainers(type(self)).items()}

    @classmethod
    def from_dict(cls, datum: Mapping[str, Any]) -> Self:
        """The event in an Avro datum.

        Times may be datetimes (with a zone) or ints. A field that has a default may be missing, as in what was stored
        before there was such a field. Raises KeyError for any other.
        """
        spared = _spared(cls)
        return cls(
            **{
                name: convert(datum[name])
                for name, convert in _converters(cls).items()
                if name in datum or name not in spared
            }
        )


def _converters(cls: Any) -> dict[str, _Convert]:
    return _cached(cls, True)


def _plainers(cls: Any) -> dict[str, _Convert]:
    return _cached(cls, False)


def _spared(cls: Any) -> frozenset[str]:
    return _names_with_default(cls)


@cache
def _names_with_default(cls: Any) -> frozenset[str]:
    found = (f for f in fields(cls) if f.default is not MISSING or f.default_factory is not MISSING)
    return frozenset(f.name for f in found)


@cache
def _cached(cls: Any, reads: bool) -> dict[str, _Convert]:
    hints = get_type_hints(cls, include_extras=True)
    return {f.name: _converter(hints[f.name], reads) for f in fields(cls)}


def _converter(hint: Any, reads: bool) -> _Convert:
    """What a value of this type becomes on the way from an Avro datum (`reads`) or to one."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        inner = _converter(next(a for a in arguments if a is not type(None)), reads)
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _sequence(tuple if reads else list, _converter(arguments[0], reads))
    if origin is not None and origin is not Literal and hint != Millis and issubclass(origin, Mapping):
        of_value = _converter(arguments[1], reads)
        return lambda values: {str(key): of_value(value) for key, value in values.items()}
    if isinstance(hint, type) and issubclass(hint, Datum):
        return hint.from_dict if reads else hint.to_dict
    if not reads:
        return _as_it_is
    return _milliseconds if hint == Millis else float if hint is float else _as_it_is


def _sequence(kind: Callable[[Iterable[Any]], Any], item: _Convert) -> _Convert:
    """Most are long and of plain numbers: those are taken over whole."""
    return kind if item is _as_it_is else lambda values: kind(map(item, values))


def _as_it_is(value: Any) -> Any:
    return value


def _milliseconds(value: Any) -> int:
    return (value - _EPOCH) // _MILLISECOND if isinstance(value, datetime) else int(value)
