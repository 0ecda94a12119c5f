"""expect_column_values_to_match_regex and expect_column_values_to_not_match_regex."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from tidemill.patterns.linear import Pattern, regex
from tidemill_expectations.base import Severity
from tidemill_expectations.rules.patterns import PatternRule


@dataclass(frozen=True, slots=True)
class MatchRegex(PatternRule):
    """A match of a Python regular expression is found somewhere in every string, as in Great Expectations."""

    name: ClassVar[str] = "expect_column_values_to_match_regex"

    column: str
    regex: str
    severity: Severity = "critical"

    @property
    def given(self) -> tuple[str, ...]:
        return (self.regex,)

    def compiled(self, pattern: str) -> Pattern:
        return regex(pattern)

    def test(self) -> Callable[[object], bool]:
        pattern = regex(self.regex)
        most, found, unwanted, fails = pattern.longest_text, pattern.found_in, self.unwanted, self.fails

        def test(value: object) -> bool:
            if value.__class__ is str and len(value) <= most:
                return found(value) is unwanted
            return fails(value)

        return test


@dataclass(frozen=True, slots=True)
class NotMatchRegex(MatchRegex):
    """No match of a Python regular expression is found anywhere in a string."""

    name: ClassVar[str] = "expect_column_values_to_not_match_regex"
    unwanted: ClassVar[bool] = True
