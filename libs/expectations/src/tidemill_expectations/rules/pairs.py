"""Rules about two columns of one row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from tidemill.contracts.model_file.vocabulary import IGNORE_PAIR
from tidemill_expectations.base import Expectation, ExpectationError, Ignored, Severity, is_missing, shown
from tidemill_expectations.compared import comparable

IGNORED: Final[Mapping[str, Ignored]] = {
    "both_values_are_missing": "all",
    "either_value_is_missing": "any",
    "never": "none",
}


@dataclass(frozen=True, slots=True)
class Pair(Expectation):
    """What both have in common: which rows are ignored, and that a value compared with a missing one fails.

    `ignore_row_if`: both_values_are_missing (Great Expectations' default), either_value_is_missing, never.
    """

    column_a: str
    column_b: str
    ignore_row_if: str = "both_values_are_missing"
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        if self.ignore_row_if not in IGNORE_PAIR:
            raise ExpectationError(f"{self.name}: ignore_row_if is one of {', '.join(IGNORE_PAIR)}")

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column_a, self.column_b)

    @property
    def ignored(self) -> Ignored:
        return IGNORED[self.ignore_row_if]

    def fails_row(self, row: Mapping[str, object]) -> bool:
        a, b = row.get(self.column_a), row.get(self.column_b)
        missing = is_missing(a) + is_missing(b)
        if missing:
            return missing < {"all": 2, "any": 1, "none": 3}[self.ignored]
        pair = comparable(a, b)
        return pair is None or not self._holds(*pair)

    @abstractmethod
    def _holds(self, a: Any, b: Any) -> Any:
        """The rule over two values, or over two columns."""

    def explain_row(self, row: Mapping[str, object]) -> str:
        a, b = row.get(self.column_a), row.get(self.column_b)
        return f"{self.column_a} is {shown(a)}, {self.wanted} {self.column_b}, which is {shown(b)}"

    @property
    @abstractmethod
    def wanted(self) -> str:
        """What a is not, in words."""


@dataclass(frozen=True, slots=True)
class PairGreater(Pair):
    """A is greater than B, or equal where `or_equal`: numbers, times, or text by code points."""

    name: ClassVar[str] = "expect_column_pair_values_a_to_be_greater_than_b"

    or_equal: bool = False

    def _holds(self, a: Any, b: Any) -> Any:
        return a >= b if self.or_equal else a > b

    @property
    def wanted(self) -> str:
        return "below" if self.or_equal else "not above"


@dataclass(frozen=True, slots=True)
class PairEqual(Pair):
    """A equals B."""

    name: ClassVar[str] = "expect_column_pair_values_to_be_equal"

    def _holds(self, a: Any, b: Any) -> Any:
        return a == b

    @property
    def wanted(self) -> str:
        return "not equal to"
