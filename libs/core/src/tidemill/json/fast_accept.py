"""The short way of `rows`: a row of plain values that are right at once becomes a datum without a look at each
by a converter of its own.

It only ever says yes or does not know: whatever it takes, the long way takes too and makes the same of it (a property
test holds that), and what it does not take the long way judges and names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tidemill.codec.time_units import MEANT
from tidemill.contracts.schemas.avro_types import beside_null, is_nullable
from tidemill.json.values import EXACT, INT32, INT64, MAX_MILLIS, MIN_MILLIS, Convert, FieldError

__all__ = ["QuickReader"]

Accepts: TypeAlias = Callable[[Any], bool]

_MISSING = object()


class QuickReader:
    """Reads rows of one record schema. Stateless after construction."""

    def __init__(self, node: Mapping[str, Any], converters: Mapping[str, Convert]) -> None:
        """`node`: the record's Avro schema; `converters`: the long way of each field."""
        self._start: dict[str, Any] = {}
        self._plain: list[tuple[str, Accepts]] = []
        self._doubles: list[str] = []
        self._others: list[tuple[str, Convert]] = []
        for field in node["fields"]:
            name = field["name"]
            nullable, kind = _kind(field["type"])
            self._start[name] = field.get("default", None if nullable else _MISSING)
            if kind not in _ACCEPTS:
                self._others.append((name, converters[name]))
                continue
            accepts = _ACCEPTS[kind]
            self._plain.append((name, _or_null(accepts) if nullable else accepts))
            if kind == "double":
                self._doubles.append(name)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The datum, every field in the schema's order; None where the row has to go the long way."""
        datum = {**self._start, **row}
        if len(datum) != len(self._start):
            return None
        for name, accepts in self._plain:
            if not accepts(datum[name]):
                return None
        for name in self._doubles:
            if datum[name].__class__ is int:
                datum[name] = float(datum[name])
        if self._others:
            return self._converted(datum, row)
        return datum

    def _converted(self, datum: dict[str, Any], row: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            for name, convert in self._others:
                if name in row:
                    datum[name] = convert(row[name], name)
                elif datum[name] is _MISSING:
                    return None
        except FieldError:
            return None
        return datum


def _kind(node: Any) -> tuple[bool, str]:
    """Whether null is admitted, and the type as `_ACCEPTS` names it; another text where it has none."""
    if isinstance(node, list):
        one = beside_null(node)
        return is_nullable(node), "" if one is None else _kind(one)[1]
    if isinstance(node, str):
        return is_nullable(node), node
    logical = node.get("logicalType")
    return False, f"{node['type']}:{logical}" if logical else str(node["type"])


def _or_null(accepts: Accepts) -> Accepts:
    return lambda value: value is None or accepts(value)


def _double(value: Any) -> bool:
    if value.__class__ is float:
        return bool(-sys.float_info.max <= value <= sys.float_info.max)
    return value.__class__ is int and -EXACT <= value <= EXACT


def _whole(lowest: int, highest: int) -> Accepts:
    return lambda value: value.__class__ is int and lowest <= value <= highest


def _millis() -> Accepts:
    """Most times are after the last number that looks like seconds; the others are for the long way to judge."""
    (_, least), (first, last), (later, _) = MEANT

    def accepts(value: Any) -> bool:
        if value.__class__ is not int:
            return False
        return first <= value <= last or MIN_MILLIS <= value <= least or later <= value <= MAX_MILLIS

    return accepts


_ACCEPTS: dict[str, Accepts] = {
    "boolean": lambda value: value.__class__ is bool,
    "int": _whole(*INT32),
    "long": _whole(*INT64),
    "double": _double,
    "string": lambda value: value.__class__ is str and value.isascii(),
    "long:timestamp-millis": _millis(),
}
