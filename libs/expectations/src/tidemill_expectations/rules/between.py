"""expect_column_values_to_be_between."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing, is_number, shown
from tidemill_expectations.times import iso, to_millis

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Between(ColumnExpectation):
    """Numbers or times between two bounds, each inclusive unless strict; a bound left out is open.

    `times` says that the bounds were written as times: they are milliseconds since the epoch and the column
    must be a timestamp. An integer column is compared exactly, without a detour over floats.
    """

    name: ClassVar[str] = "expect_column_values_to_be_between"

    column: str
    min_value: int | float | None = None
    max_value: int | float | None = None
    strict_min: bool = False
    strict_max: bool = False
    times: bool = False
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        if self.min_value is None and self.max_value is None:
            raise ExpectationError(f"{self.name} of {self.column!r} needs min_value or max_value")
        for bound in (self.min_value, self.max_value):
            _refuse_inexact(self, bound)
        if self.min_value is not None and self.max_value is not None and self.min_value > self.max_value:
            raise ExpectationError(f"{self.name} of {self.column!r}: min_value is above max_value")

    def fails(self, value: object) -> bool:
        if is_missing(value):
            return False
        number = value if is_number(value) else to_millis(value)
        return not isinstance(number, int | float) or self._below(number) or self._above(number)

    def test(self) -> Callable[[object], bool]:
        """Numbers that lie inside are let through at once."""
        lowest, highest = self.integer_bounds
        low = -sys.float_info.max if self.min_value is None else float(self.min_value)
        high = sys.float_info.max if self.max_value is None else float(self.max_value)
        low = math.nextafter(low, math.inf) if self.strict_min else low
        high = math.nextafter(high, -math.inf) if self.strict_max else high
        fails = self.fails

        def test(value: object) -> bool:
            if value.__class__ is float:
                return not low <= value <= high and fails(value)
            if value.__class__ is int and lowest <= value <= highest:
                return False
            return value is not None and fails(value)

        return test

    def explain(self, value: object) -> str:
        number = value if is_number(value) else to_millis(value)
        if not isinstance(number, int | float):
            return f"{self.column} is {shown(value)}, not a {'time' if self.times else 'number'}"
        if self._below(number):
            relation, bound = "not above" if self.strict_min else "below", self.min_value
        else:
            relation, bound = "not below" if self.strict_max else "above", self.max_value
        if self.times and bound is not None:
            return f"{self.column} is {iso(number)}, {relation} {iso(bound)}"
        return f"{self.column} is {shown(value)}, {relation} {bound}"

    def _below(self, number: int | float) -> bool:
        if self.min_value is None:
            return False
        return number <= self.min_value if self.strict_min else number < self.min_value

    def _above(self, number: int | float) -> bool:
        if self.max_value is None:
            return False
        return number >= self.max_value if self.strict_max else number > self.max_value

    @property
    def integer_bounds(self) -> tuple[int, int]:
        """The smallest and the largest integer that the bounds let in; those of int64 where one is open."""
        return (
            INT64_MIN if self.min_value is None else _lowest_integer(self.min_value, self.strict_min),
            INT64_MAX if self.max_value is None else _highest_integer(self.max_value, self.strict_max),
        )


def _lowest_integer(bound: int | float, strict: bool) -> int:
    return math.floor(bound) + 1 if strict else math.ceil(bound)


def _highest_integer(bound: int | float, strict: bool) -> int:
    return math.ceil(bound) - 1 if strict else math.floor(bound)


def _is_finite(bound: int | float) -> bool:
    return isinstance(bound, int) or math.isfinite(bound)


def _refuse_inexact(expectation: Between, bound: object) -> None:
    """A bound that a float cannot hold would be another bound in a float column."""
    if bound is None:
        return
    if not isinstance(bound, int | float) or isinstance(bound, bool) or not _is_finite(bound):
        raise ExpectationError(
            f"{expectation.name} of {expectation.column!r}: {bound!r} is not a finite number or a time"
        )
    if abs(bound) > sys.float_info.max or int(float(bound)) != int(bound):
        raise ExpectationError(
            f"{expectation.name} of {expectation.column!r}: {bound} is too long to be compared exactly"
        )
