"""expect_column_values_to_be_finite: not one of Great Expectations' own, named in its manner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tidemill_expectations.base import ColumnExpectation, Severity, is_missing, is_number, shown

if TYPE_CHECKING:
    import polars as pl

FLOAT32_MAX = 3.4028234663852886e38


@dataclass(frozen=True, slots=True)
class Finite(ColumnExpectation):
    """Numbers that stay finite as a 32-bit float, which is what models compute with.

    One infinity among the training rows makes sums, means and scalers infinite, and a fit impossible. A boolean is
    0 or 1.
    """

    name: ClassVar[str] = "expect_column_values_to_be_finite"

    column: str
    severity: Severity = "critical"

    def fails(self, value: object) -> bool:
        if is_missing(value) or isinstance(value, bool):
            return False
        return not is_number(value) or not -FLOAT32_MAX <= value <= FLOAT32_MAX  # type: ignore[operator]

    def failures(self, dtype: pl.DataType) -> pl.Expr:
        import polars as pl

        if dtype.is_integer() or dtype == pl.Boolean:
            return pl.repeat(False, pl.len(), dtype=pl.Boolean)
        if not dtype.is_float():
            raise self.unsuited(dtype)
        column = pl.col(self.column).cast(pl.Float64)
        return ((column.abs() > FLOAT32_MAX) & column.is_not_nan()).fill_null(False)

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, not a finite number that a model can use"
