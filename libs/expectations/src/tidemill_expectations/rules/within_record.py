"""expect_select_column_values_to_be_unique_within_record, and its earlier name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Final

from tidemill_expectations.base import Expectation, Ignored, Severity, check_columns, is_missing, shown
from tidemill_expectations.compared import comparable

IGNORED: Final[Mapping[str, Ignored]] = {
    "all_values_are_missing": "all",
    "any_value_is_missing": "any",
    "never": "none",
}


@dataclass(frozen=True, slots=True)
class UniqueWithinRecord(Expectation):
    """No two of the columns have the same value in one row; two missing values are the same.

    `ignore_row_if`: all_values_are_missing (Great Expectations' default), any_value_is_missing, never.
    """

    name: ClassVar[str] = "expect_select_column_values_to_be_unique_within_record"

    column_list: tuple[str, ...]
    ignore_row_if: str = "all_values_are_missing"
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        check_columns(self.name, self.column_list, self.ignore_row_if)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.column_list

    @property
    def ignored(self) -> Ignored:
        return IGNORED[self.ignore_row_if]

    def fails_row(self, row: Mapping[str, object]) -> bool:
        values = [row.get(name) for name in self.column_list]
        missing = sum(map(is_missing, values))
        if missing and missing >= {"all": len(values), "any": 1, "none": len(values) + 1}[self.ignored]:
            return False
        there = [value for value in values if not is_missing(value)]
        return missing > 1 or any(_same(a, b) for a, b in combinations(there, 2))

    def explain_row(self, row: Mapping[str, object]) -> str:
        values = ", ".join(shown(row.get(name)) for name in self.column_list)
        return f"{self.column_list[0]} and {', '.join(self.column_list[1:])} are {values}: two are the same"


@dataclass(frozen=True, slots=True)
class MulticolumnUnique(UniqueWithinRecord):
    """The same under Great Expectations' earlier name."""

    name: ClassVar[str] = "expect_multicolumn_values_to_be_unique"


def _same(a: object, b: object) -> bool:
    pair = comparable(a, b)
    return pair is not None and bool(pair[0] == pair[1])
