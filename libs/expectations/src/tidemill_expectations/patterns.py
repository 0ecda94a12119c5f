"""Several patterns at once, and SQL's LIKE: the relatives of expect_column_values_to_match_regex."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing, shown

if TYPE_CHECKING:
    import polars as pl


class TextPatterns(ColumnExpectation):
    """Patterns that a string must, or must not, match. Both forms ask Python's `re`, the column form about each
    distinct value once: two engines would be two rules.
    """

    __slots__ = ()

    unwanted: ClassVar[bool] = False

    @property
    @abstractmethod
    def given(self) -> tuple[str, ...]:
        """The patterns as they were given."""

    @property
    def every(self) -> bool:
        """Whether all of them must match, and not just one."""
        return False

    @abstractmethod
    def regex_of(self, pattern: str) -> str:
        """A pattern as a regular expression, to be found somewhere in the string."""

    def _check(self) -> None:
        for pattern in self.given:
            try:
                re.compile(self.regex_of(pattern))
            except (re.error, TypeError, RecursionError, OverflowError) as error:
                said = f"{self.name} of {self.column!r}: {pattern!r} is not a pattern: {error}"
                raise ExpectationError(said) from error
        if not self.given:
            raise ExpectationError(f"{self.name} of {self.column!r} needs at least one pattern")

    def _breaks(self, text: str) -> bool:
        found = (re.search(self.regex_of(pattern), text) is not None for pattern in self.given)
        matches = all(found) if self.every else any(found)
        return matches is self.unwanted

    def fails(self, value: object) -> bool:
        if is_missing(value):
            return False
        return not isinstance(value, str) or self._breaks(value)

    def failures(self, dtype: pl.DataType) -> pl.Expr:
        import polars as pl

        if dtype not in (pl.String, pl.Categorical, pl.Enum):
            raise self.unsuited(dtype)

        def mask(column: pl.Series) -> pl.Series:
            failing = [text for text in column.unique().to_list() if text is not None and self._breaks(text)]
            return column.is_in(failing).fill_null(False)

        return pl.col(self.column).cast(pl.String).map_batches(mask, return_dtype=pl.Boolean)

    def explain(self, value: object) -> str:
        said = "matches" if self.unwanted else "does not match"
        one = repr(self.given[0]) if len(self.given) == 1 else f"{'all' if self.every else 'one'} of {list(self.given)}"
        return f"{self.column} is {shown(value)}, which {said} {one}"


@dataclass(frozen=True, slots=True)
class MatchRegexList(TextPatterns):
    """A match of one of the expressions, or of all with `match_on: all`, is found somewhere in every string."""

    name: ClassVar[str] = "expect_column_values_to_match_regex_list"

    column: str
    regex_list: tuple[str, ...]
    match_on: str = "any"
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        self._check()

    @property
    def given(self) -> tuple[str, ...]:
        return self.regex_list

    @property
    def every(self) -> bool:
        return self.match_on == "all"

    def regex_of(self, pattern: str) -> str:
        return pattern


@dataclass(frozen=True, slots=True)
class NotMatchRegexList(MatchRegexList):
    """No match of any of the expressions is found in a string."""

    name: ClassVar[str] = "expect_column_values_to_not_match_regex_list"
    unwanted: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class MatchLike(TextPatterns):
    """Every string is as SQL's LIKE has it: % stands for any text, _ for one character, case counts."""

    name: ClassVar[str] = "expect_column_values_to_match_like_pattern"

    column: str
    like_pattern: str
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        self._check()

    @property
    def given(self) -> tuple[str, ...]:
        return (self.like_pattern,)

    def regex_of(self, pattern: str) -> str:
        return like_as_regex(pattern)


@dataclass(frozen=True, slots=True)
class NotMatchLike(MatchLike):
    """No string is as SQL's LIKE has it."""

    name: ClassVar[str] = "expect_column_values_to_not_match_like_pattern"
    unwanted: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class MatchLikeList(TextPatterns):
    """One of the LIKE patterns fits every string, or all of them with `match_on: all`."""

    name: ClassVar[str] = "expect_column_values_to_match_like_pattern_list"

    column: str
    like_pattern_list: tuple[str, ...]
    match_on: str = "any"
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        self._check()

    @property
    def given(self) -> tuple[str, ...]:
        return self.like_pattern_list

    @property
    def every(self) -> bool:
        return self.match_on == "all"

    def regex_of(self, pattern: str) -> str:
        return like_as_regex(pattern)


@dataclass(frozen=True, slots=True)
class NotMatchLikeList(MatchLikeList):
    """None of the LIKE patterns fits a string."""

    name: ClassVar[str] = "expect_column_values_to_not_match_like_pattern_list"
    unwanted: ClassVar[bool] = True


def like_as_regex(pattern: str) -> str:
    """A LIKE pattern as a regular expression about the whole string."""
    parts = {"%": ".*", "_": "."}
    return rf"(?s:\A{''.join(parts.get(c, re.escape(c)) for c in pattern)}\Z)"
