"""expect_column_values_to_be_finite: not one of Great Expectations' own, named in its manner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tidemill_expectations.base import ColumnExpectation, Severity, is_missing, is_number, shown

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
        if value.__class__ is float or value.__class__ is int:  # the common case
            return not -FLOAT32_MAX <= value <= FLOAT32_MAX and value == value  # NaN is missing
        if value is None or isinstance(value, bool) or is_missing(value):
            return False
        return not is_number(value) or not -FLOAT32_MAX <= value <= FLOAT32_MAX  # type: ignore[operator]

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, not a finite number that a model can use"
