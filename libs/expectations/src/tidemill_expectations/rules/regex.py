"""expect_column_values_to_match_regex and expect_column_values_to_not_match_regex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tidemill.patterns.linear import PatternError, regex
from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing, shown
from tidemill_expectations.distinct import failing_texts

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class MatchRegex(ColumnExpectation):
    """A match of a Python regular expression is found somewhere in every string, as in Great Expectations.

    Every form asks RE2 for what Python would find, in linear time (`tidemill.patterns`). A text that is too long to
    be looked into (`Pattern.longest_text`) breaks the rule, and its opposite too.
    """

    name: ClassVar[str] = "expect_column_values_to_match_regex"
    unwanted: ClassVar[bool] = False

    column: str
    regex: str
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        try:
            regex(self.regex)
        except PatternError as error:
            raise ExpectationError(f"{self.name} of {self.column!r}: {self.regex!r} {error}") from error

    def fails(self, value: object) -> bool:
        if is_missing(value):
            return False
        return not isinstance(value, str) or self.breaks(value)

    def breaks(self, text: str) -> bool:
        """Whether a text breaks the rule."""
        pattern = regex(self.regex)
        return len(text) > pattern.longest_text or pattern.found_in(text) is self.unwanted

    def failures(self, dtype: pl.DataType) -> pl.Expr:
        return failing_texts(self, dtype, self.breaks)

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, which {self._said(value)}"

    def _said(self, value: object) -> str:
        most = regex(self.regex).longest_text
        if isinstance(value, str) and len(value) > most:
            return f"is {len(value):,} characters long: {self.regex!r} is looked for in {most:,} at most"
        return f"{'matches' if self.unwanted else 'does not match'} {self.regex!r}"


@dataclass(frozen=True, slots=True)
class NotMatchRegex(MatchRegex):
    """No match of a Python regular expression is found anywhere in a string."""

    name: ClassVar[str] = "expect_column_values_to_not_match_regex"
    unwanted: ClassVar[bool] = True
