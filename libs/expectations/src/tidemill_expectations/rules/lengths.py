"""expect_column_value_lengths_to_be_between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing


@dataclass(frozen=True, slots=True)
class LengthsBetween(ColumnExpectation):
    """Strings of a length between two bounds, inclusive, counted in Unicode code points."""

    name: ClassVar[str] = "expect_column_value_lengths_to_be_between"

    column: str
    min_value: int | None = None
    max_value: int | None = None
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.min_value, self.max_value) if bound is not None]
        if (
            not bounds
            or any(isinstance(b, bool) or not isinstance(b, int) or b < 0 for b in bounds)
            or bounds != sorted(bounds)
        ):
            raise ExpectationError(
                f"{self.name} of {self.column!r} needs min_value or max_value, whole numbers in order"
            )

    def fails(self, value: object) -> bool:
        if not isinstance(value, str):
            return value is not None and not is_missing(value)
        return len(value) < (self.min_value or 0) or (self.max_value is not None and len(value) > self.max_value)

    def explain(self, value: object) -> str:
        if not isinstance(value, str):
            return f"{self.column} is not a string"
        if not value:
            return f"{self.column} is empty"
        most = "any number" if self.max_value is None else self.max_value
        return f"{self.column} has {len(value)} characters, not {self.min_value or 0} to {most}"


@dataclass(frozen=True, slots=True)
class LengthsEqual(LengthsBetween):
    """Strings of one length, counted in Unicode code points: both bounds are that length."""

    name: ClassVar[str] = "expect_column_value_lengths_to_equal"
