"""Tests of single values that say of a column's rule that it surely holds: the common case of a row, at a fraction of
the cost. What does not surely hold is asked of the rule itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias

from tidemill.patterns.linear import regex
from tidemill_expectations.base import ColumnExpectation
from tidemill_expectations.rules.between import Between
from tidemill_expectations.rules.finite import FLOAT32_MAX, Finite
from tidemill_expectations.rules.in_set import InSet
from tidemill_expectations.rules.lengths import LengthsBetween
from tidemill_expectations.rules.not_null import NotNull
from tidemill_expectations.rules.regex import MatchRegex

__all__ = ["Holds", "holding"]

Holds: TypeAlias = Callable[[object], bool]


def holding(rule: ColumnExpectation) -> Holds:
    """A test that is true only of values of which `rule.fails` is false (but not of all of them)."""
    make = _MAKERS.get(type(rule))
    return make(rule) if make is not None else lambda value: not rule.fails(value)


def _between(rule: Between) -> Holds:
    """Strict bounds of floats are left to the rule; integers have inclusive bounds whatever was written."""
    lowest, highest = rule.integer_bounds
    strict = rule.strict_min or rule.strict_max
    low = -sys.float_info.max if rule.min_value is None else float(rule.min_value)
    high = sys.float_info.max if rule.max_value is None else float(rule.max_value)
    if strict:
        low, high = 1.0, 0.0

    def holds(value: object) -> bool:
        if value.__class__ is float:
            return low <= value <= high
        return value is None or (value.__class__ is int and lowest <= value <= highest)

    return holds


def _finite(rule: Finite) -> Holds:
    def holds(value: object) -> bool:
        kind = value.__class__
        if kind is float or kind is int:
            return -FLOAT32_MAX <= value <= FLOAT32_MAX  # type: ignore[operator]
        return value is None or kind is bool

    return holds


def _in_set(rule: InSet) -> Holds:
    texts = frozenset(member for member in rule.value_set if isinstance(member, str))
    return lambda value: value is None or (value.__class__ is str and value in texts)


def _lengths(rule: LengthsBetween) -> Holds:
    least = rule.min_value or 0
    most = sys.maxsize if rule.max_value is None else rule.max_value
    return lambda value: value is None or (value.__class__ is str and least <= len(value) <= most)


def _matches(rule: MatchRegex) -> Holds:
    pattern = regex(rule.regex)
    most, found = pattern.longest_text, pattern.found_in
    return lambda value: value is None or (value.__class__ is str and len(value) <= most and found(value))


def _not_null(rule: NotNull) -> Holds:
    return lambda value: value is not None and value == value


_MAKERS: dict[type, Callable[..., Holds]] = {
    Between: _between,
    Finite: _finite,
    InSet: _in_set,
    LengthsBetween: _lengths,
    MatchRegex: _matches,
    NotNull: _not_null,
}
