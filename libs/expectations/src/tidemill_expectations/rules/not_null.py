"""expect_column_values_to_not_be_null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tidemill_expectations.base import ColumnExpectation, Severity, is_missing

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class NotNull(ColumnExpectation):
    """Every value is there: neither null nor NaN."""

    name: ClassVar[str] = "expect_column_values_to_not_be_null"

    column: str
    severity: Severity = "critical"

    def fails(self, value: object) -> bool:
        return is_missing(value)

    def failures(self, dtype: pl.DataType) -> pl.Expr:
        import polars as pl

        column = pl.col(self.column)
        if dtype.is_float():
            return column.is_null() | column.is_nan().fill_null(False)
        return column.is_null()

    def explain(self, value: object) -> str:
        return f"{self.column} is {'missing' if value is None else 'NaN'}"
