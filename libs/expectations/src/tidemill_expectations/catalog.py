"""From a model file's words to expectations: which names there are, and what each takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from tidemill.contracts.model_file.vocabulary import (
    MATCH_ON,
    OPTIONAL_ARGUMENTS,
    ROW_EXPECTATIONS,
    UNIQUE_EXPECTATIONS,
    WINDOW_EXPECTATIONS,
)
from tidemill_expectations.base import SEVERITIES, Expectation, ExpectationError, Severity, is_number
from tidemill_expectations.rules.between import Between
from tidemill_expectations.rules.finite import Finite
from tidemill_expectations.rules.in_set import InSet, NotInSet
from tidemill_expectations.rules.lengths import LengthsBetween, LengthsEqual
from tidemill_expectations.rules.not_null import NotNull
from tidemill_expectations.rules.null import Null
from tidemill_expectations.rules.of_type import InTypeList, OfType
from tidemill_expectations.rules.pairs import PairEqual, PairGreater
from tidemill_expectations.rules.patterns import (
    MatchLike,
    MatchLikeList,
    MatchRegexList,
    NotMatchLike,
    NotMatchLikeList,
    NotMatchRegexList,
)
from tidemill_expectations.rules.regex import MatchRegex, NotMatchRegex
from tidemill_expectations.rules.unique import AnyUnique, CompoundUnique, Unique
from tidemill_expectations.rules.within_record import MulticolumnUnique, UniqueWithinRecord
from tidemill_expectations.times import to_millis
from tidemill_expectations.windows.rules import Mostly, WindowRule, build_window

DAY = timedelta(days=1)
Rule = Expectation | AnyUnique | WindowRule


def build(
    name: str,
    kwargs: Mapping[str, Any],
    *,
    severity: Severity | None = None,
    within: timedelta | None = None,
    over: timedelta | None = None,
    mostly: float | None = None,
) -> Rule:
    """The expectation of that name with Great Expectations' own arguments.

    `within` is for uniqueness alone, which needs it. `mostly` makes a rule about rows one by window; `over` is the
    window of those (a day, if None). Without `severity`: warning by window, else critical. Raises ExpectationError for
    an unknown name or argument, a missing or senseless one; the message names the nearest known.
    """
    if name not in KNOWN:
        raise ExpectationError(f"unknown expectation {name!r}{_nearest(name, KNOWN)}")
    _check_arguments(name, kwargs)
    by_window = name in WINDOW_EXPECTATIONS or mostly is not None
    severity = severity or ("warning" if by_window else "critical")
    if severity not in SEVERITIES:
        raise ExpectationError(f"{name}: severity is one of {', '.join(SEVERITIES)}, not {severity!r}")
    if name in UNIQUE_EXPECTATIONS:
        return _unique(name, kwargs, within, severity)
    if within is not None:
        raise ExpectationError(f"{name} of {_subject(kwargs)!r} takes no within")
    if name in WINDOW_EXPECTATIONS:
        return build_window(name, kwargs, DAY if over is None else over, severity)
    rule: Expectation = MAKERS[name](kwargs, severity)
    return rule if mostly is None else Mostly(rule, mostly, DAY if over is None else over, severity)


def _check_arguments(name: str, kwargs: Mapping[str, Any]) -> None:
    arguments = tuple(argument for argument in KNOWN[name] if argument != "within")
    for key in kwargs:
        if key not in arguments:
            raise ExpectationError(f"{name} takes no {key!r}{_nearest(key, arguments)}")
    for key in ("column", "column_A", "column_B"):
        if key in arguments and not isinstance(kwargs.get(key), str):
            raise ExpectationError(f"{name} needs a {key}")
    for key in arguments:
        if key not in kwargs and key not in (*OPTIONAL_ARGUMENTS, "column", "value_set", "regex"):
            raise ExpectationError(f"{name} of {_subject(kwargs)!r} needs {key}")


def _subject(kwargs: Mapping[str, Any]) -> str:
    found = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    return ", ".join(map(str, [*found, *kwargs.get("column_list", ())]))


def _unique(name: str, kwargs: Mapping[str, Any], within: timedelta | None, severity: Severity) -> AnyUnique:
    if within is None:
        raise ExpectationError(f"{name} of {_subject(kwargs)!r} needs within, such as 2d: its memory is bounded")
    if name == Unique.name:
        return Unique(kwargs["column"], within, severity)
    return CompoundUnique(tuple(kwargs["column_list"]), within, _ignored(kwargs, "all_values_are_missing"), severity)


def _between(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    bounds = {key: kwargs.get(key) for key in ("min_value", "max_value")}
    given = [bound for bound in bounds.values() if bound is not None]
    times = bool(given) and not any(is_number(bound) for bound in given)
    if times:
        bounds = {key: bound if bound is None else to_millis(bound) for key, bound in bounds.items()}
        if [key for key, bound in bounds.items() if bound is None and kwargs.get(key) is not None]:
            raise ExpectationError(f"{Between.name} of {kwargs['column']!r}: a bound is neither a number nor a time")
    strict = {key: bool(kwargs.get(key, False)) for key in ("strict_min", "strict_max")}
    low, high = bounds["min_value"], bounds["max_value"]
    return Between(kwargs["column"], low, high, strict["strict_min"], strict["strict_max"], times, severity)


def _in_set(make: type[InSet]) -> Callable[[Mapping[str, Any], Severity], Expectation]:
    def made(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
        members = kwargs.get("value_set")
        if not isinstance(members, list | tuple | set | frozenset) or not all(
            isinstance(m, str | int | float) for m in members
        ):
            raise ExpectationError(
                f"{make.name} of {kwargs['column']!r} needs value_set, a list of strings, numbers or booleans"
            )
        return make(kwargs["column"], frozenset(members), severity)

    return made


def _regex(make: type[MatchRegex]) -> Callable[[Mapping[str, Any], Severity], Expectation]:
    def made(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
        if not isinstance(kwargs.get("regex"), str):
            raise ExpectationError(f"{make.name} of {kwargs['column']!r} needs regex, a pattern")
        return make(kwargs["column"], kwargs["regex"], severity)

    return made


def _match_on(kwargs: Mapping[str, Any]) -> str:
    found = kwargs.get("match_on", "any")
    if found not in MATCH_ON:
        raise ExpectationError(f"match_on of {kwargs['column']!r} is one of {', '.join(MATCH_ON)}, not {found!r}")
    return str(found)


def _pair_greater(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    ignored = _ignored(kwargs, "both_values_are_missing")
    return PairGreater(kwargs["column_A"], kwargs["column_B"], ignored, severity, bool(kwargs.get("or_equal", False)))


def _pair_equal(kwargs: Mapping[str, Any], severity: Severity) -> Expectation:
    return PairEqual(kwargs["column_A"], kwargs["column_B"], _ignored(kwargs, "both_values_are_missing"), severity)


def _within_record(make: type[UniqueWithinRecord]) -> Callable[[Mapping[str, Any], Severity], Expectation]:
    return lambda k, s: make(tuple(k["column_list"]), _ignored(k, "all_values_are_missing"), s)


def _ignored(kwargs: Mapping[str, Any], default: str) -> str:
    return str(kwargs.get("ignore_row_if", default))


def _nearest(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    near = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f": did you mean {near[0]!r}?" if near else f": known are {', '.join(known)}"


MAKERS: dict[str, Callable[[Mapping[str, Any], Severity], Expectation]] = {
    NotNull.name: lambda k, s: NotNull(k["column"], s),
    Null.name: lambda k, s: Null(k["column"], s),
    Between.name: _between,
    InSet.name: _in_set(InSet),
    NotInSet.name: _in_set(NotInSet),
    MatchRegex.name: _regex(MatchRegex),
    NotMatchRegex.name: _regex(NotMatchRegex),
    MatchRegexList.name: lambda k, s: MatchRegexList(k["column"], tuple(k["regex_list"]), _match_on(k), s),
    NotMatchRegexList.name: lambda k, s: NotMatchRegexList(k["column"], tuple(k["regex_list"]), severity=s),
    MatchLike.name: lambda k, s: MatchLike(k["column"], k["like_pattern"], s),
    NotMatchLike.name: lambda k, s: NotMatchLike(k["column"], k["like_pattern"], s),
    MatchLikeList.name: lambda k, s: MatchLikeList(k["column"], tuple(k["like_pattern_list"]), _match_on(k), s),
    NotMatchLikeList.name: lambda k, s: NotMatchLikeList(k["column"], tuple(k["like_pattern_list"]), severity=s),
    OfType.name: lambda k, s: OfType(k["column"], (k["type_"],), s),
    InTypeList.name: lambda k, s: InTypeList(k["column"], tuple(k["type_list"]), s),
    LengthsBetween.name: lambda k, s: LengthsBetween(k["column"], k.get("min_value"), k.get("max_value"), s),
    LengthsEqual.name: lambda k, s: LengthsEqual(k["column"], k["value"], k["value"], s),
    Finite.name: lambda k, s: Finite(k["column"], s),
    PairGreater.name: _pair_greater,
    PairEqual.name: _pair_equal,
    UniqueWithinRecord.name: _within_record(UniqueWithinRecord),
    MulticolumnUnique.name: _within_record(MulticolumnUnique),
}
"""Every rule about rows by its name: how it is made."""

KNOWN: dict[str, tuple[str, ...]] = {
    **ROW_EXPECTATIONS,
    **UNIQUE_EXPECTATIONS,
    **WINDOW_EXPECTATIONS,
    Finite.name: ("column",),
}
"""Every expectation by its name, with the arguments that it takes."""
