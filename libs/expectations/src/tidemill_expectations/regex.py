"""expect_column_values_to_match_regex and expect_column_values_to_not_match_regex."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing, shown

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class MatchRegex(ColumnExpectation):
    """A match of a Python regular expression is found somewhere in every string, as in Great Expectations.

    The column form asks Python's `re` about each distinct value. polars has a regular expression engine of
    its own, but its dialect differs (look-around, back-references, `\\d`, `$` before a line break): two
    engines, two rules.
    """

    name: ClassVar[str] = "expect_column_values_to_match_regex"

    column: str
    regex: str
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        try:
            re.compile(self.regex)
        except (re.error, TypeError, RecursionError, OverflowError) as error:
            raise ExpectationError(
                f"{self.name} of {self.column!r}: {self.regex!r} is not a pattern: {error}"
            ) from error

    def fails(self, value: object) -> bool:
        if is_missing(value):
            return False
        return not isinstance(value, str) or self._found(re.search(self.regex, value))

    def failures(self, dtype: pl.DataType) -> pl.Expr:
        import polars as pl

        if dtype not in (pl.String, pl.Categorical, pl.Enum):
            raise self.unsuited(dtype)
        search = re.compile(self.regex).search

        def mask(column: pl.Series) -> pl.Series:
            failing = [text for text in column.unique().to_list() if text is not None and self._found(search(text))]
            return column.is_in(failing).fill_null(False)

        return pl.col(self.column).cast(pl.String).map_batches(mask, return_dtype=pl.Boolean)

    def _found(self, match: re.Match[str] | None) -> bool:
        """Whether that outcome of the search breaks the rule."""
        return match is None

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, which does not match {self.regex!r}"


@dataclass(frozen=True, slots=True)
class NotMatchRegex(MatchRegex):
    """No match of a Python regular expression is found anywhere in a string."""

    name: ClassVar[str] = "expect_column_values_to_not_match_regex"

    def _found(self, match: re.Match[str] | None) -> bool:
        return match is not None

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, which matches {self.regex!r}"
