"""What two values of one row must have in common to be compared, the same in columns and in a row."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidemill_expectations.base import is_number
from tidemill_expectations.times import to_millis

if TYPE_CHECKING:
    import polars as pl


def comparable(a: object, b: object) -> tuple[Any, Any] | None:
    """Both values as Python compares them exactly as columns do; None where they are of different kinds.

    An integer meets a float as a float: that is what a column does.
    """
    a, b = (to_millis(v) if isinstance(v, datetime) else v for v in (a, b))
    if is_number(a) and is_number(b):
        return (float(a), float(b)) if isinstance(a, float) or isinstance(b, float) else (a, b)  # type: ignore[arg-type]
    for kind in (bool, str):
        if isinstance(a, kind) and isinstance(b, kind):
            return a, b
    return None


def comparable_columns(names: tuple[str, ...], schema: Any) -> list[pl.Expr] | None:
    """Expressions of the columns in one type in which they compare; NaN is null. None where there is none."""
    import polars as pl

    types = [schema[name] for name in names]
    columns = [pl.col(name) for name in names]
    if all(t == pl.Datetime and t.time_unit == "ms" for t in types):
        return [column.to_physical() for column in columns]
    if all(t.is_integer() for t in types):
        return [column.cast(pl.Int64) for column in columns]
    if all(t.is_integer() or t.is_float() for t in types):
        return [column.cast(pl.Float64).fill_nan(None) for column in columns]
    if all(t in (pl.String, pl.Categorical, pl.Enum) for t in types):
        return [column.cast(pl.String) for column in columns]
    return columns if all(t == pl.Boolean for t in types) else None
