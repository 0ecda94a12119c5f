"""Columns of a file to columns of a record, strictly: a value that does not fit makes an error of its row,
never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from tidemill_cli.push.reading import RowError

TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "0"})
NULL_WORDS = frozenset({"", "NA", "N/A", "NULL", "null", "None"})
INT_LIMITS = {"int": 1 << 31, "long": 1 << 63}
WANTED = {
    "string": "text",
    "boolean": "true or false",
    "int": "a whole number",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "time": "a time (ISO 8601, or milliseconds since 1970)",
}
DTYPES: dict[str, Any] = {
    "string": pl.String,
    "boolean": pl.Boolean,
    "int": pl.Int32,
    "long": pl.Int64,
    "float": pl.Float32,
    "double": pl.Float64,
    "time": pl.Datetime("ms", "UTC"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record: `kind` is a key of `DTYPES`; a field that is not `nullable` must be there."""

    name: str
    kind: str
    nullable: bool


def record_fields(avro_fields: Sequence[dict[str, Any]]) -> list[Field]:
    """The fields of an Avro record that a file can fill. Raises ValueError for one of a type that no column
    holds.
    """
    return [_field(field) for field in avro_fields]


def _field(avro: dict[str, Any]) -> Field:
    branches = avro["type"] if isinstance(avro["type"], list) else [avro["type"]]
    plain = [branch for branch in branches if branch != "null"]
    nullable = len(plain) < len(branches)
    kind = plain[0] if plain else "null"
    if isinstance(kind, dict):
        timed = kind.get("logicalType") == "timestamp-millis"
        kind = "time" if timed else "string" if kind["type"] == "enum" else kind["type"]
    if kind not in DTYPES:
        raise ValueError(f"the field {avro['name']!r} has a type that a column of a file cannot hold: {avro['type']}")
    return Field(avro["name"], kind, nullable)


def convert(frame: pl.DataFrame, lines: Sequence[int], fields: Sequence[Field]) -> tuple[pl.DataFrame, list[RowError]]:
    """The record's columns of `frame`, all rows, and what was wrong: rows named in an error are not fit to be
    sent.

    A field without a column is null. Text columns know several words for null, true and false.
    """
    columns: list[pl.Series] = []
    errors: list[RowError] = []
    for field in fields:
        source = frame[field.name] if field.name in frame.columns else pl.Series(field.name, [None] * len(frame))
        converted, failed = _column(source, field.kind)
        errors.extend(RowError(lines[row], field.name, _misfit(source[row], field.kind)) for row in failed)
        if not field.nullable:
            missing = set((converted.is_null()).arg_true()) - set(failed)
            errors.extend(RowError(lines[row], field.name, "is missing") for row in sorted(missing))
        columns.append(converted.alias(field.name))
    return pl.DataFrame(columns), errors


def _misfit(value: object, kind: str) -> str:
    return f"{str(value)[:60]!r} is not {WANTED[kind]}"


def _column(source: pl.Series, kind: str) -> tuple[pl.Series, list[int]]:
    """The column as `kind`, and the rows whose value is there but does not fit."""
    text = source.dtype == pl.String
    present = source.is_not_null() if not text else source.is_not_null() & ~source.str.strip_chars().is_in(NULL_WORDS)
    fast = _fast(source, kind)
    if fast is not None:
        converted = (
            fast.zip_with(present, pl.Series([None], dtype=fast.dtype).new_from_index(0, len(fast))) if text else fast
        )
        failed = present & converted.is_null()
        if not failed.any():
            return converted, []
    values = [_value(value, kind) if there else None for value, there in zip(source, present, strict=True)]
    rows = [row for row, (value, there) in enumerate(zip(values, present, strict=True)) if there and value is None]
    return pl.Series(source.name, values, dtype=DTYPES[kind]), rows


def _fast(source: pl.Series, kind: str) -> pl.Series | None:
    """The column by a cast, where one cast says it all; nulls where it does not fit."""
    numeric = source.dtype.is_numeric()
    if kind == "string" and (source.dtype == pl.String or source.dtype.is_integer()):
        return source.cast(pl.String)
    if kind in ("float", "double") and (numeric or source.dtype == pl.String):
        stripped = source.str.strip_chars() if source.dtype == pl.String else source
        return stripped.cast(DTYPES[kind], strict=False)
    if kind in INT_LIMITS and (source.dtype.is_integer() or source.dtype == pl.String):
        stripped = source.str.strip_chars() if source.dtype == pl.String else source
        return stripped.cast(DTYPES[kind], strict=False)
    if kind == "boolean" and source.dtype == pl.Boolean:
        return source
    if kind == "time" and isinstance(source.dtype, pl.Datetime):
        zoned = (
            source.dt.replace_time_zone("UTC") if source.dtype.time_zone is None else source.dt.convert_time_zone("UTC")
        )
        return zoned.cast(DTYPES["time"])
    return None


def _value(value: object, kind: str) -> Any:
    """One value as `kind`; None where it does not fit."""
    if isinstance(value, str):
        value = value.strip()
    return _CONVERTERS[kind](value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None


def _truth(value: object) -> bool | None:
    word = str(value).lower() if isinstance(value, str | int) else ""
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _whole(limit: int) -> Callable[[object], int | None]:
    def convert_one(value: object) -> int | None:
        number = value if isinstance(value, int) and not isinstance(value, bool) else _number(value)
        if number is None or not math.isfinite(number) or number != int(number) or not -limit <= number < limit:
            return None
        return int(number)

    return convert_one


def _time(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        if isinstance(value, str) and not value.lstrip("-").isdigit():
            return _time(datetime.fromisoformat(value))
        if isinstance(value, str | int) and not isinstance(value, bool):
            return datetime.fromtimestamp(int(value) / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


_CONVERTERS: dict[str, Callable[[object], Any]] = {
    "string": _text,
    "boolean": _truth,
    "int": _whole(INT_LIMITS["int"]),
    "long": _whole(INT_LIMITS["long"]),
    "float": _number,
    "double": _number,
    "time": _time,
}
