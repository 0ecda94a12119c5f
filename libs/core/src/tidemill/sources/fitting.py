"""Values of a foreign record as values of the model's record, in columns and one by one, by the same rules.

A value fits if nothing has to be guessed: whole numbers are text where the record wants text (ids are often numbers
at their source), whole numbers are numbers, times are times whatever their unit, decimals are numbers, and whole
numbers where they are whole. Text is never a number; NaN is missing. What columns don't settle is left to the rows,
which know the reason. docs/values.md has the rule for every way in.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.codec.time_units import MEANT
from tidemill.contracts.schemas.avro_types import field_type
from tidemill.json.python_values import TICKS_A_SECOND, Kind, fit_value, kind_of
from tidemill.json.values import EXACT, MAX_MILLIS, MIN_MILLIS, Convert, FieldError

ISO_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
EXACT_32: Final = 2**24


def fit_column(
    column: pa.Array, wanted: pa.Field, avro: Any, unit: str | None
) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """A column as the record has it, and which of its rows that holds for; the others are to be read one by one.

    `unit`: of whole numbers that are times; None where nobody has stated it, and it is milliseconds.
    """
    try:
        enum = field_type(avro)[0] == "enum"  # whose symbols the rows know
        fitted = None if enum else _convert(column, wanted.type, kind_of(avro), unit)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        fitted = None  # no verdict on any row: each is read by itself, and told where it does not fit
    if fitted is None:
        return pa.nulls(len(column), wanted.type), np.zeros(len(column), dtype=np.bool_)
    values, fits = fitted
    return values, fits


def settle_column(
    column: pa.Array, wanted: pa.Field, avro: Any, unit: str | None, convert: Convert
) -> tuple[pa.Array, dict[int, str]]:
    """A column as the record has it, with what columns don't settle read one by one; and by row why there is no value
    (null then). `convert`: the field's, of `tidemill.json.rows`.
    """
    values, fits = fit_column(column, wanted, avro, unit)
    if fits.all():
        return values, {}
    errors: dict[int, str] = {}
    data = []
    for row in np.flatnonzero(~fits).tolist():
        datum = None
        try:
            value = fit_value(python_value(column[row]), avro, unit)
            datum = None if value is None else convert(value, wanted.name)
        except FieldError as error:
            errors[row] = error.reason
        data.append(datum)
    return pc.replace_with_mask(values, pa.array(~fits), pa.array(data, wanted.type)), errors


def python_value(scalar: pa.Scalar) -> Any:
    """A scalar as Python has it; times to the microsecond. Raises FieldError where Python has no such time."""
    kind = scalar.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        scalar = scalar.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        raise FieldError("", f"{scalar.value} {kind} is no time in the years 1 to 9999") from None


def _convert(
    column: pa.Array, wanted: pa.DataType, kind: Kind, unit: str | None
) -> tuple[pa.Array, npt.NDArray[np.bool_]] | None:
    given = column.type
    everywhere = np.ones(len(column), dtype=np.bool_)
    if pa.types.is_null(given):
        return pa.nulls(len(column), wanted), everywhere
    if pa.types.is_dictionary(given):
        return _convert(_written_out(column), wanted, kind, unit)
    if pa.types.is_large_string(given) or pa.types.is_string_view(given):
        return _convert(column.cast(pa.string()), wanted, kind, unit)
    if kind == "time":
        return _times(column, wanted, unit)
    if kind == "string" and (pa.types.is_string(given) or pa.types.is_integer(given)):
        return column.cast(wanted), everywhere
    if kind == "boolean" and pa.types.is_boolean(given):
        return column, everywhere
    if kind in ("whole", "number") and pa.types.is_floating(given):
        return _floats(column, wanted)
    if kind == "whole" and pa.types.is_integer(given):
        return column.cast(wanted), everywhere
    if kind == "number" and pa.types.is_integer(given):
        limit = EXACT if wanted == pa.float64() else EXACT_32
        return column.cast(wanted, safe=False), everywhere if given.bit_width < 32 else _within(column, limit)
    return (column, everywhere) if given == wanted else None


def _written_out(column: pa.DictionaryArray) -> pa.Array:
    """A dictionary's values, each at its places. Arrow takes none from views (polars' categories have them)."""
    if column.type.value_type in (pa.string_view(), pa.binary_view()):
        plain = pa.large_string() if column.type.value_type == pa.string_view() else pa.large_binary()
        column = pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(plain))
    return column.dictionary_decode()


def _floats(column: pa.Array, wanted: pa.DataType) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """NaN is missing. Numbers that may have been other whole numbers before they were floats are left to the rows."""
    values = column.cast(pa.float64())
    if pc.any(pc.is_nan(values)).as_py():
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    if pa.types.is_floating(wanted):
        limit = EXACT if wanted == pa.float64() else EXACT_32
        return values.cast(wanted, safe=False), _within(values, limit - 1)
    return values.cast(wanted), _within(values, EXACT - 1)


def _within(column: pa.Array, limit: int) -> npt.NDArray[np.bool_]:
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False)
    fits: npt.NDArray[np.bool_] = (numbers <= limit) if pa.types.is_unsigned_integer(column.type) else (
        (numbers <= limit) & (numbers >= -limit)
    )  # fmt: skip
    return fits


def _times(column: pa.Array, wanted: pa.DataType, unit: str | None) -> tuple[pa.Array, npt.NDArray[np.bool_]] | None:
    given, fits = column.type, np.ones(len(column), dtype=np.bool_)
    if pa.types.is_timestamp(given):
        if given.tz is None:
            return None
        ticks, unit = column.cast(pa.timestamp(given.unit)).cast(pa.int64()), given.unit
    elif pa.types.is_integer(given):
        ticks = column.cast(pa.int64())
        fits = _meant(ticks) if unit is None else fits
    elif pa.types.is_string(given):
        fits = _true(pc.match_substring_regex(column, ISO_TIME), where_null=True)
        text = pc.if_else(pa.array(fits), column, pa.scalar(None, pa.string()))
        ticks, unit = text.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), "us"
    else:
        return None
    numbers = ticks.fill_null(0).to_numpy(zero_copy_only=False)
    millis = _to_millis(numbers, unit or "ms")
    fits = fits & (millis >= MIN_MILLIS) & (millis <= MAX_MILLIS)
    times = pa.array(np.where(fits, millis, 0), mask=column.is_null().to_numpy(zero_copy_only=False))
    return times.cast(pa.timestamp("ms", "UTC")).cast(wanted), fits


def _to_millis(ticks: npt.NDArray[np.int64], unit: str) -> npt.NDArray[np.int64]:
    if unit == "s":
        return np.clip(ticks, MIN_MILLIS // 1_000 - 1, MAX_MILLIS // 1_000 + 1) * 1_000
    return ticks // (TICKS_A_SECOND[unit] // 1_000)


def _meant(ticks: pa.Array) -> npt.NDArray[np.bool_]:
    """Where a number of milliseconds is beyond doubt; the rows know what the others look like."""
    numbers = ticks.fill_null(0).to_numpy(zero_copy_only=False)
    fits = np.asarray(ticks.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
    for least, most in MEANT:
        fits |= (numbers >= least) & (numbers <= most)
    return fits


def _true(mask: pa.Array, where_null: bool) -> npt.NDArray[np.bool_]:
    return np.asarray(mask.fill_null(where_null).to_numpy(zero_copy_only=False), dtype=np.bool_)
