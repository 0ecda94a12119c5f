"""Python's own values (datetimes, decimals, UUIDs, bytes) as rows of JSON have them, by what a field wants.

Nothing is judged here: `tidemill.json.values` does that, for every way in.
"""

from __future__ import annotations

import base64
import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from tidemill.contracts.schemas.avro_types import field_type
from tidemill.json.values import EPOCH, MAX_MILLIS, MIN_MILLIS, WHOLE_64

__all__ = ["TICKS_A_SECOND", "Kind", "fit_value", "kind_of"]

Kind: TypeAlias = Literal["string", "number", "whole", "boolean", "time", "other"]
"""What the record wants of a value; formats whose values have no types of their own read by it."""

TICKS_A_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_KINDS: Final[dict[str, Kind]] = {
    "string": "string", "double": "number", "float": "number", "int": "whole", "long": "whole", "boolean": "boolean",
    "timestamp-millis": "time",
}  # fmt: skip


def kind_of(avro: Any) -> Kind:
    """What a field of the record, by its Avro type, wants."""
    return _KINDS.get(field_type(avro)[0], "other")


def fit_value(value: Any, avro: Any, unit: str | None) -> Any:
    """One value as JSON rows have it (`tidemill.json.rows`), which then says whether it fits."""
    kind = kind_of(avro)
    if isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        return _wall_time(value) if value.tzinfo is None else _instant(value, avro)
    if isinstance(value, Decimal):
        value = _decimal(value, kind)
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, int):
        if kind == "string" and value in WHOLE_64:
            return str(value)
        return _stated(value, unit) if kind == "time" and unit is not None else value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes) and field_type(avro)[0] == "bytes":
        return base64.b64encode(value).decode()
    return value


def _instant(value: datetime, avro: Any) -> str | int:
    """Text where it can be, since text is never taken for a number of another unit."""
    if field_type(avro)[0] == "timestamp-micros":
        return value.isoformat()
    millis = (value - EPOCH) // timedelta(milliseconds=1)
    return _iso(millis) if MIN_MILLIS <= millis <= MAX_MILLIS else millis


def _wall_time(value: datetime) -> str:
    return value.isoformat()


def _stated(ticks: int, unit: str) -> str | int:
    millis = ticks * 1_000 // TICKS_A_SECOND[unit]
    return _iso(millis) if MIN_MILLIS <= millis <= MAX_MILLIS else millis


def _iso(millis: int) -> str:
    return (EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds")


def _decimal(value: Decimal, kind: Kind) -> Any:
    """A decimal is a number, and exactly the whole number where it is whole and one is wanted; NaN is missing."""
    if value.is_nan():
        return None
    if not value.is_finite():
        return float(value)
    if kind == "string":
        return str(value) if value.as_tuple().exponent == 0 else value
    if kind in ("number", "whole", "time"):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
