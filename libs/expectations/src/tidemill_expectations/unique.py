"""expect_column_values_to_be_unique: the rule. Its memory is kept by who reads the stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from tidemill_expectations.base import ExpectationError, Severity


@dataclass(frozen=True, slots=True)
class Unique:
    """No value comes twice in one partition within a span of event time; the first one stays.

    Not an `Expectation`: whether a value fails depends on the records before it, so there is no form for one
    row.
    """

    name: ClassVar[str] = "expect_column_values_to_be_unique"

    column: str
    within: timedelta
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        if self.within <= timedelta(0):
            raise ExpectationError(f"{self.name} of {self.column!r}: within must be longer than nothing")
        if self.severity != "critical":
            raise ExpectationError(
                f"{self.name} of {self.column!r}: a duplicate is set aside, so severity is critical"
            )

    def explain(self, value: object) -> str:
        return f"{self.column} {value!r} came before"
