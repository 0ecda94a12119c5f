"""From a model file's words to expectations: which names there are, and what each takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from tidemill_expectations.base import SEVERITIES, Expectation, ExpectationError, Severity, is_number
from tidemill_expectations.between import Between
from tidemill_expectations.finite import Finite
from tidemill_expectations.in_set import InSet
from tidemill_expectations.lengths import LengthsBetween
from tidemill_expectations.not_null import NotNull
from tidemill_expectations.regex import MatchRegex
from tidemill_expectations.times import to_millis
from tidemill_expectations.unique import Unique


def build(
    name: str, kwargs: Mapping[str, Any], *, severity: Severity = "critical", within: timedelta | None = None
) -> Expectation | Unique:
    """The expectation of that name with Great Expectations' own arguments.

    `within` is for `expect_column_values_to_be_unique` alone, which needs it. Raises ExpectationError for an
    unknown name or argument, a missing or senseless one; the message names the nearest known.
    """
    if name not in KNOWN:
        raise ExpectationError(f"unknown expectation {name!r}{_nearest(name, KNOWN)}")
    make, arguments = KNOWN[name]
    for key in kwargs:
        if key not in arguments:
            raise ExpectationError(f"{name} takes no {key!r}{_nearest(key, arguments)}")
    if not isinstance(kwargs.get("column"), str):
        raise ExpectationError(f"{name} needs a column")
    if severity not in SEVERITIES:
        raise ExpectationError(f"{name}: severity is one of {', '.join(SEVERITIES)}, not {severity!r}")
    if make is Unique:
        if within is None:
            raise ExpectationError(
                f"{name} of {kwargs['column']!r} needs within, such as 2d: its memory is bounded"
            )
        return Unique(kwargs["column"], within, severity)
    if within is not None:
        raise ExpectationError(f"{name} of {kwargs['column']!r} takes no within")
    expectation: Expectation = make(kwargs, severity)
    return expectation


def _not_null(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    return NotNull(kwargs["column"], severity)


def _between(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    bounds = {key: kwargs.get(key) for key in ("min_value", "max_value")}
    given = [bound for bound in bounds.values() if bound is not None]
    times = bool(given) and not any(is_number(bound) for bound in given)
    if times:
        bounds = {key: bound if bound is None else to_millis(bound) for key, bound in bounds.items()}
        if [key for key, bound in bounds.items() if bound is None and kwargs.get(key) is not None]:
            raise ExpectationError(
                f"{Between.name} of {kwargs['column']!r}: a bound is neither a number nor a time"
            )
    strict = {key: bool(kwargs.get(key, False)) for key in ("strict_min", "strict_max")}
    low, high = bounds["min_value"], bounds["max_value"]
    return Between(kwargs["column"], low, high, strict["strict_min"], strict["strict_max"], times, severity)


def _in_set(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    members = kwargs.get("value_set")
    if not isinstance(members, list | tuple | set | frozenset) or not all(
        isinstance(m, str | int | float) for m in members
    ):
        raise ExpectationError(
            f"{InSet.name} of {kwargs['column']!r} needs value_set, a list of strings, numbers or booleans"
        )
    return InSet(kwargs["column"], frozenset(members), severity)


def _regex(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    if not isinstance(kwargs.get("regex"), str):
        raise ExpectationError(f"{MatchRegex.name} of {kwargs['column']!r} needs regex, a pattern")
    return MatchRegex(kwargs["column"], kwargs["regex"], severity)


def _lengths(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    return LengthsBetween(kwargs["column"], kwargs.get("min_value"), kwargs.get("max_value"), severity)


def _finite(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    return Finite(kwargs["column"], severity)


def _nearest(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    near = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f": did you mean {near[0]!r}?" if near else f": known are {', '.join(known)}"


KNOWN: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    NotNull.name: (_not_null, ("column",)),
    Between.name: (_between, ("column", "min_value", "max_value", "strict_min", "strict_max")),
    InSet.name: (_in_set, ("column", "value_set")),
    MatchRegex.name: (_regex, ("column", "regex")),
    LengthsBetween.name: (_lengths, ("column", "min_value", "max_value")),
    Finite.name: (_finite, ("column",)),
    Unique.name: (Unique, ("column",)),
}
"""Every expectation by its name: how it is made, and the arguments that it takes."""
