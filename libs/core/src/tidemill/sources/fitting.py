"""Values of a foreign record as values of the model's record, in columns and one by one, by the same rules.

A value fits if nothing has to be guessed: whole numbers are text where the record wants text (ids are often numbers
at their source), whole numbers are numbers, times are times whatever their unit, decimals are numbers. Text is never
a number. What columns don't settle is left to the rows, which know the reason.
"""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.codec.json_values import MAX_MILLIS, MIN_MILLIS
from tidemill.contracts.model_file.against_record import field_type
from tidemill.sources.part import Kind

TICKS_A_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
ISO_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WHOLE_64: Final = range(-(2**63), 2**64)  # unsigned ones included
_KINDS: Final[dict[str, Kind]] = {
    "string": "string", "double": "number", "float": "number", "int": "whole", "long": "whole", "boolean": "boolean",
    "timestamp-millis": "time",
}  # fmt: skip


def kind_of(avro: Any) -> Kind:
    """What a field of the record, by its Avro type, wants."""
    return _KINDS.get(field_type(avro)[0], "other")


def fit_column(column: pa.Array, wanted: pa.Field, avro: Any, unit: str) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """A column as the record has it, and which of its rows that holds for; the others are to be read one by one.

    `unit`: of whole numbers that are times.
    """
    try:
        fitted = _convert(column, wanted.type, kind_of(avro), unit)
    except pa.ArrowInvalid:
        fitted = None
    if fitted is None:
        return pa.nulls(len(column), wanted.type), np.zeros(len(column), dtype=np.bool_)
    values, fits = fitted
    return values, fits


def _convert(
    column: pa.Array, wanted: pa.DataType, kind: Kind, unit: str
) -> tuple[pa.Array, npt.NDArray[np.bool_]] | None:
    given = column.type
    everywhere = np.ones(len(column), dtype=np.bool_)
    if pa.types.is_null(given):
        return pa.nulls(len(column), wanted), everywhere
    if pa.types.is_dictionary(given):
        return _convert(column.dictionary_decode(), wanted, kind, unit)
    if kind == "time":
        return _times(column, wanted, unit)
    if kind == "string" and (pa.types.is_string(given) or pa.types.is_integer(given)):
        return column.cast(wanted), everywhere
    if kind == "boolean" and pa.types.is_boolean(given):
        return column, everywhere
    if kind == "whole" and (pa.types.is_integer(given) or pa.types.is_floating(given)):
        return column.cast(wanted), everywhere
    if kind == "number" and (pa.types.is_integer(given) or pa.types.is_floating(given)):
        numbers = column.cast(wanted, safe=False)
        return numbers, _true(pc.is_finite(numbers), where_null=True)
    return (column, everywhere) if given == wanted else None


def _times(column: pa.Array, wanted: pa.DataType, unit: str) -> tuple[pa.Array, npt.NDArray[np.bool_]] | None:
    given, fits = column.type, np.ones(len(column), dtype=np.bool_)
    if pa.types.is_timestamp(given):
        ticks, unit = column.cast(pa.timestamp(given.unit)).cast(pa.int64()), given.unit
    elif pa.types.is_integer(given):
        ticks = column.cast(pa.int64())
    elif pa.types.is_string(given):
        fits = _true(pc.match_substring_regex(column, ISO_TIME), where_null=True)
        text = pc.if_else(pa.array(fits), column, pa.scalar(None, pa.string()))
        ticks, unit = text.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), "us"
    else:
        return None
    numbers = ticks.fill_null(0).to_numpy(zero_copy_only=False)
    millis = _to_millis(numbers, unit)
    fits = fits & (millis >= MIN_MILLIS) & (millis <= MAX_MILLIS)
    times = pa.array(np.where(fits, millis, 0), mask=column.is_null().to_numpy(zero_copy_only=False))
    return times.cast(pa.timestamp("ms", "UTC")).cast(wanted), fits


def _to_millis(ticks: npt.NDArray[np.int64], unit: str) -> npt.NDArray[np.int64]:
    if unit == "s":
        return np.clip(ticks, MIN_MILLIS // 1_000 - 1, MAX_MILLIS // 1_000 + 1) * 1_000
    return ticks // (TICKS_A_SECOND[unit] // 1_000)


def _true(mask: pa.Array, where_null: bool) -> npt.NDArray[np.bool_]:
    return np.asarray(mask.fill_null(where_null).to_numpy(zero_copy_only=False), dtype=np.bool_)


def fit_value(value: Any, avro: Any, unit: str) -> Any:
    """One value as JSON rows have it (`tidemill.codec.json_rows`), which then says whether it fits."""
    kind = kind_of(avro)
    if isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        return value if value.tzinfo is None else (value - EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, int):
        if kind == "string" and value in WHOLE_64:
            return str(value)
        return value * 1_000 // TICKS_A_SECOND[unit] if kind == "time" else value
    if isinstance(value, Decimal) and kind in ("number", "whole"):
        return float(value) if kind == "number" else _whole(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes) and field_type(avro)[0] == "bytes":
        return base64.b64encode(value).decode()
    return value


def _whole(value: Decimal) -> int | float:
    return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
