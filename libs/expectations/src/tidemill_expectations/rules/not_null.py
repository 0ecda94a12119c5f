"""expect_column_values_to_not_be_null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tidemill_expectations.base import ColumnExpectation, Ignored, Severity, is_missing


@dataclass(frozen=True, slots=True)
class NotNull(ColumnExpectation):
    """Every value is there: neither null nor NaN."""

    name: ClassVar[str] = "expect_column_values_to_not_be_null"

    column: str
    severity: Severity = "critical"

    @property
    def ignored(self) -> Ignored:
        return "none"

    def fails(self, value: object) -> bool:
        return value is None or (value != value and is_missing(value))

    def explain(self, value: object) -> str:
        return f"{self.column} is {'missing' if value is None else 'NaN'}"
