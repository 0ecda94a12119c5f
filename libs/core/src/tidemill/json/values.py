"""JSON values to Avro scalars: one converter a type, each refusing what is not exactly of it."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from tidemill.codec.time_units import doubtful

__all__ = ["LOGICAL", "PRIMITIVE", "Convert", "FieldError", "cut", "join", "string", "wrong"]

Convert: TypeAlias = Callable[[Any, str], Any]
"""A value and its path in the row, to the datum; raises FieldError."""

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MIN_MILLIS = -62_135_596_800_000  # 0001-01-01T00:00:00Z: before it Python, and most readers, have no date
MAX_MILLIS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
EXACT = 2**53
"""Whole numbers up to here are the same numbers as doubles; above, a double stands for several of them."""
WHOLE_64 = range(-(2**63), 2**64)
"""Whole numbers as parsers of JSON keep them; larger ones are doubles from the beginning."""
SHOWN_CHARACTERS = 40


class FieldError(ValueError):
    """A row is not what the schema asks for. `field` is the path of the first wrong field, `reason` says why.

    `errors` holds every (field, reason) of the row, the first included: in the schema's order, then the
    unknown ones.
    """

    def __init__(self, field: str, reason: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason
        self.errors = errors or ((field, reason),)


def _null(value: Any, path: str) -> None:
    if value is not None:
        raise wrong(value, path, "null")


def _boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(value, path, "true or false")
    return value


def _integer(lowest: int, highest: int, what: str) -> Convert:
    def convert(value: Any, path: str) -> int:
        if isinstance(value, float) and value.is_integer():
            if abs(value) > EXACT and lowest <= value <= highest:
                raise FieldError(path, f"{_show(value)} may have been rounded: write all digits, no point or exponent")
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong(value, path, what)
        if not lowest <= value <= highest:
            raise FieldError(path, f"{_show(value)} is out of range for {what}")
        return value

    return convert


def _double(value: Any, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong(value, path, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FieldError(path, f"{_show(value)} is not a finite number")
    if value.__class__ is int and value in WHOLE_64:
        _refuse_inexact(value, number, path, 64)
    return number


def _refuse_inexact(whole: int, number: float, path: str, bits: int) -> None:
    if int(number) != whole:
        raise FieldError(
            path, f"{whole} is no number of {bits} bits exactly, {number:.0f} is next: take a long or text"
        )


def _float(value: Any, path: str) -> float:
    """Rounded to 32 bits here, so that a row means the same before and after the wire."""
    number = _double(value, path)
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        raise FieldError(path, f"{_show(value)} is out of range for a 32-bit float") from None
    if value.__class__ is int and value in WHOLE_64:
        _refuse_inexact(value, rounded, path, 32)
    return rounded


def string(value: Any, path: str) -> str:
    """Text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise wrong(value, path, "a string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FieldError(path, "is not valid Unicode (a surrogate stands alone)") from None
    return value


def _text(value: Any, path: str) -> str:
    """The same; and a whole number is the text of its digits, since ids often are numbers where they come from."""
    if value.__class__ is int and value in WHOLE_64:
        return str(value)
    if isinstance(value, float):
        raise wrong(value, path, "a string: give text or a whole number")
    return string(value, path)


def _bytes(value: Any, path: str) -> bytes:
    if not isinstance(value, str):
        raise wrong(value, path, "Base64 text")
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
            if not MIN_MILLIS <= value <= MAX_MILLIS:
                raise FieldError(
                    path, f"{_show(value)} is no time in milliseconds since the epoch in the years 1 to 9999"
                )
            _refuse_doubtful(int(value), path)
            ticks = int(value) * ticks_per_milli
        else:
            raise wrong(value, path, "a time: ISO-8601 with an offset, or milliseconds since the epoch")
        if not MIN_MILLIS <= ticks // ticks_per_milli <= MAX_MILLIS:
            raise FieldError(path, f"{_show(value)} is no time in milliseconds since the epoch in the years 1 to 9999")
        return ticks

    return convert


def _refuse_doubtful(millis: int, path: str) -> None:
    looks = doubtful(millis)
    if looks is not None:
        at = (EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        raise FieldError(path, f"{millis} looks like {looks}, and in milliseconds is {at}: write ISO-8601 with an "
                               "offset such as 2026-11-01T09:30:00Z, or milliseconds, or state its unit")  # fmt: skip


def _moment(text: str, path: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FieldError(path, f"{_show(text)} is not an ISO-8601 time such as 2013-01-31T17:05:00Z") from None
    if moment.tzinfo is None:
        raise FieldError(path, f"{_show(text)} has no offset: add Z for UTC or one such as -05:00")
    return moment


def _date(value: Any, path: str) -> int:
    if not isinstance(value, str):
        raise wrong(value, path, "a date such as 2013-01-31")
    try:
        return (date.fromisoformat(value) - EPOCH.date()).days
    except ValueError:
        raise FieldError(path, f"{_show(value)} is not a date such as 2013-01-31") from None


def wrong(value: Any, path: str, what: str) -> FieldError:
    """The error for a value that is not `what` (with its article)."""
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
    return cut(repr(value))


def cut(text: str) -> str:
    """A text as it may stand in a message."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def join(path: str, name: str) -> str:
    """The path of a field inside `path`."""
    return f"{path}.{name}" if path else name


PRIMITIVE: dict[str, Convert] = {
    # by Avro type
    "null": _null,
    "boolean": _boolean,
    "int": _integer(*INT32, "a whole number of 32 bits"),
    "long": _integer(*INT64, "a whole number of 64 bits"),
    "float": _float,
    "double": _double,
    "string": _text,
    "bytes": _bytes,
}
LOGICAL: dict[tuple[str, str | None], Convert] = {
    # by Avro type and logical type
    ("long", "timestamp-millis"): _time(1),
    ("long", "timestamp-micros"): _time(1000),
    ("int", "date"): _date,
    ("string", "uuid"): string,
}
