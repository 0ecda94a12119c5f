"""What all rules about patterns have in common; several patterns at once, and SQL's LIKE."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from tidemill.contracts.model_file.vocabulary import MATCH_ON
from tidemill.patterns.linear import Pattern, PatternError, like, regex
from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing, shown


class PatternRule(ColumnExpectation):
    """Patterns that a string must, or must not, match. Both forms ask RE2 for what Python would find, in linear time
    (`tidemill.patterns`). A text that is too long for one of them (`Pattern.longest_text`) breaks the rule, and its
    opposite too.
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
    def compiled(self, pattern: str) -> Pattern:
        """A pattern, ready to be looked for. Raises PatternError."""

    def __post_init__(self) -> None:
        for pattern in self.given:
            try:
                self.compiled(pattern)
            except PatternError as error:
                raise ExpectationError(f"{self.name} of {self.column!r}: {pattern!r} {error}") from error
        if not self.given:
            raise ExpectationError(f"{self.name} of {self.column!r} needs at least one pattern")

    @property
    def longest_text(self) -> int:
        """Characters; a longer text is not looked into."""
        return min(self.compiled(pattern).longest_text for pattern in self.given)

    def breaks(self, text: str) -> bool:
        """Whether a text breaks the rule."""
        if len(text) > self.longest_text:
            return True
        found = (self.compiled(pattern).found_in(text) for pattern in self.given)
        matches = all(found) if self.every else any(found)
        return matches is self.unwanted

    def fails(self, value: object) -> bool:
        if isinstance(value, str):
            return self.breaks(value)
        return value is not None and not is_missing(value)

    def explain(self, value: object) -> str:
        if isinstance(value, str) and len(value) > self.longest_text:
            sought = f"{self.given[0]!r} is" if len(self.given) == 1 else "patterns are"
            long = f"{len(value):,} characters long: {sought} looked for in {self.longest_text:,} at most"
            return f"{self.column} is {shown(value)}, which is {long}"
        said = "matches" if self.unwanted else "does not match"
        one = repr(self.given[0]) if len(self.given) == 1 else f"{'all' if self.every else 'one'} of {list(self.given)}"
        return f"{self.column} is {shown(value)}, which {said} {one}"


class PatternListRule(PatternRule):
    """Several patterns, of which one must match, or all with `match_on: all`."""

    __slots__ = ()

    match_on: str

    def __post_init__(self) -> None:
        PatternRule.__post_init__(self)
        if self.match_on not in MATCH_ON:
            raise ExpectationError(f"{self.name} of {self.column!r}: match_on is one of {', '.join(MATCH_ON)}")

    @property
    def every(self) -> bool:
        return self.match_on == "all"


@dataclass(frozen=True, slots=True)
class MatchRegexList(PatternListRule):
    """A match of one of the expressions, or of all with `match_on: all`, is found somewhere in every string."""

    name: ClassVar[str] = "expect_column_values_to_match_regex_list"

    column: str
    regex_list: tuple[str, ...]
    match_on: str = "any"
    severity: Severity = "critical"

    @property
    def given(self) -> tuple[str, ...]:
        return self.regex_list

    def compiled(self, pattern: str) -> Pattern:
        return regex(pattern)


@dataclass(frozen=True, slots=True)
class NotMatchRegexList(MatchRegexList):
    """No match of any of the expressions is found in a string."""

    name: ClassVar[str] = "expect_column_values_to_not_match_regex_list"
    unwanted: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class MatchLike(PatternRule):
    """Every string is as SQL's LIKE has it: % stands for any text, _ for one character, case counts."""

    name: ClassVar[str] = "expect_column_values_to_match_like_pattern"

    column: str
    like_pattern: str
    severity: Severity = "critical"

    @property
    def given(self) -> tuple[str, ...]:
        return (self.like_pattern,)

    def compiled(self, pattern: str) -> Pattern:
        return like(pattern)


@dataclass(frozen=True, slots=True)
class NotMatchLike(MatchLike):
    """No string is as SQL's LIKE has it."""

    name: ClassVar[str] = "expect_column_values_to_not_match_like_pattern"
    unwanted: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class MatchLikeList(PatternListRule):
    """One of the LIKE patterns fits every string, or all of them with `match_on: all`."""

    name: ClassVar[str] = "expect_column_values_to_match_like_pattern_list"

    column: str
    like_pattern_list: tuple[str, ...]
    match_on: str = "any"
    severity: Severity = "critical"

    @property
    def given(self) -> tuple[str, ...]:
        return self.like_pattern_list

    def compiled(self, pattern: str) -> Pattern:
        return like(pattern)


@dataclass(frozen=True, slots=True)
class NotMatchLikeList(MatchLikeList):
    """None of the LIKE patterns fits a string."""

    name: ClassVar[str] = "expect_column_values_to_not_match_like_pattern_list"
    unwanted: ClassVar[bool] = True
