"""expect_column_values_to_be_null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tidemill_expectations.base import ColumnExpectation, Severity, is_missing, shown

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Null(ColumnExpectation):
    """Every value is missing: null or NaN."""

    name: ClassVar[str] = "expect_column_values_to_be_null"

    column: str
    severity: Severity = "critical"

    def fails(self, value: object) -> bool:
        return not is_missing(value)

    def failures(self, dtype: pl.DataType) -> pl.Expr:
        import polars as pl

        column = pl.col(self.column)
        if dtype.is_float():
            return column.is_not_null() & column.is_not_nan().fill_null(False)
        return column.is_not_null()

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, not missing"
