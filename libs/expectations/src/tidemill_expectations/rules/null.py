"""expect_column_values_to_be_null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tidemill_expectations.base import ColumnExpectation, Ignored, Severity, is_missing, shown


@dataclass(frozen=True, slots=True)
class Null(ColumnExpectation):
    """Every value is missing: null or NaN."""

    name: ClassVar[str] = "expect_column_values_to_be_null"

    column: str
    severity: Severity = "critical"

    @property
    def ignored(self) -> Ignored:
        return "none"

    def fails(self, value: object) -> bool:
        return not is_missing(value)

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, not missing"
