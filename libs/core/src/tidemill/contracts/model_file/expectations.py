"""Expectations in a model file: name and arguments, checked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, cast

from tidemill.contracts.model_file.spec import ExpectationSpec, Severity
from tidemill.contracts.model_file.vocabulary import (
    ARGUMENTS_NOT_BUILT,
    BOUNDS,
    EXPECTATIONS,
    EXPECTATIONS_NOT_BUILT,
    IGNORE_LIST,
    IGNORE_PAIR,
    MATCH_ON,
    OPTIONAL_ARGUMENTS,
    PAIR,
    ROW_EXPECTATIONS,
    SEVERITIES,
    TYPES,
    UNIQUE_EXPECTATIONS,
    WINDOW_EXPECTATIONS,
)
from tidemill.contracts.model_file.yaml.nodes import NOT_BUILT, Section, Value
from tidemill.contracts.model_file.yaml.suggestions import nearest
from tidemill.patterns import linear as patterns

INSTEAD: Final = {
    "_non_negative": "expect_column_values_to_be_between: {column: NAME, min_value: 0}",
    "_nonnegative": "expect_column_values_to_be_between: {column: NAME, min_value: 0}",
    "_positive": "expect_column_values_to_be_between: {column: NAME, min_value: 0, strict_min: true}",
    "_negative": "expect_column_values_to_be_between: {column: NAME, max_value: 0, strict_max: true}",
    "_greater_than": "expect_column_values_to_be_between: {column: NAME, min_value: NUMBER, strict_min: true}",
    "_less_than": "expect_column_values_to_be_between: {column: NAME, max_value: NUMBER, strict_max: true}",
    "_at_least": "expect_column_values_to_be_between: {column: NAME, min_value: NUMBER}",
    "_at_most": "expect_column_values_to_be_between: {column: NAME, max_value: NUMBER}",
    "_not_be_empty": "expect_column_value_lengths_to_be_between: {column: NAME, min_value: 1}",
    "_to_exist": "expect_column_values_to_not_be_null: {column: NAME}",
    "_non_null": "expect_column_values_to_not_be_null: {column: NAME}",
}
"""Words that people try, to the rule that means it; the first that fits, so longer words stand before shorter."""
BETWEEN: Final = "expect_column_values_to_be_between"
WHOLE_NUMBERS: Final = (
    "expect_column_value_lengths_to_be_between",
    "expect_column_unique_value_count_to_be_between",
    "expect_table_row_count_to_be_between",
)
NAMED: Final = ("column", *PAIR, "column_list", "column_set")
PAIRS: Final = "one [lowest, highest] for each quantile; null leaves an end open"
OVER: Final = timedelta(days=1)
"""The window of event time where a file names none."""


def read_expectation(item: Value) -> ExpectationSpec:
    """One entry of `expectations`: a mapping with one key, the expectation's name, to its arguments. Where arguments
    are wrong its name is "", and of them it has those that name fields.
    """
    entries = item.entries()
    if len(entries) != 1:
        raise item.wants("one expectation, such as `expect_column_values_to_not_be_null: {column: carrier}`")
    name, body = next(iter(entries.items()))
    if name in EXPECTATIONS_NOT_BUILT:
        raise body.error(f"`{name}` {NOT_BUILT}", at_key=True)
    if name not in EXPECTATIONS:
        raise body.error(f"unknown expectation {name!r}", _nearest(name), at_key=True)
    return _read(name, body)


def _nearest(name: str) -> str:
    """The known name of the same words in another order, or else the nearest; a rule in words that this vocabulary
    says otherwise is told in full.
    """
    for words, instead in INSTEAD.items():
        if words in name:
            return f"say `{instead}`"
    words_of = sorted(name.split("_"))
    same = [known for known in EXPECTATIONS if sorted(known.split("_")) == words_of]
    return nearest(name, same or EXPECTATIONS)


def _read(name: str, body: Value) -> ExpectationSpec:
    arguments = EXPECTATIONS[name]
    required = tuple(key for key in arguments if key in NAMED)
    found = body.section((*arguments, *_shared(name)), required=required, not_built=ARGUMENTS_NOT_BUILT)
    by_window = name in WINDOW_EXPECTATIONS or "mostly" in found.entries
    if "over" in found.entries and not by_window:
        said = "`over` is for expectations by window: with a rule about rows, say `mostly`"
        body.mistakes.add(found.entries["over"].error(said, at_key=True))
    told = body.mistakes.told
    kwargs = found.options({key: partial(_argument, name, key) for key in arguments if key != "within"})
    _check(name, body, kwargs, found)
    wrong = body.mistakes.told > told or not found.sure(*arguments) or found.strange
    severity = found.read("severity", lambda v: _severity(name, v), "warning" if by_window else "critical", "")
    return ExpectationSpec(
        name="" if wrong else name,
        kwargs={key: value for key, value in kwargs.items() if key in NAMED} if wrong else kwargs,
        severity=cast(Severity, severity),
        within=found.read("within", Value.duration, None, None),
        over=found.read("over", Value.duration, OVER, OVER) if by_window else None,
        mostly=found.read("mostly", _share, None, None),
    )


def _severity(name: str, value: Value) -> str:
    severity = value.choice(SEVERITIES)
    if name in UNIQUE_EXPECTATIONS and severity != "critical":
        raise value.error("a duplicate is always set aside: `severity` of uniqueness is critical")
    return severity


def _shared(name: str) -> tuple[str, ...]:
    """The arguments that are not the expectation's own."""
    if name in ROW_EXPECTATIONS:
        return ("severity", "mostly", "over")
    return ("severity",) if name in UNIQUE_EXPECTATIONS else ("severity", "over")


def _argument(name: str, key: str, value: Value) -> Any:
    readers: dict[str, Callable[[Value], Any]] = {
        "min_value": lambda v: _bound(name, v),
        "max_value": lambda v: _bound(name, v),
        "strict_min": Value.boolean,
        "strict_max": Value.boolean,
        "or_equal": Value.boolean,
        "exact_match": Value.boolean,
        "value": lambda v: v.integer(0),
        "value_set": _value_set,
        "regex": _regex,
        "regex_list": lambda v: _some(v, _regex),
        "like_pattern": _like,
        "like_pattern_list": lambda v: _some(v, _like),
        "match_on": lambda v: v.choice(MATCH_ON),
        "type_": _type,
        "type_list": lambda v: tuple(_type(item) for item in v.items()),
        "column_list": lambda v: _names(v, 2),
        "column_set": lambda v: _names(v, 1),
        "ignore_row_if": lambda v: v.choice(IGNORE_PAIR if "pair" in name else IGNORE_LIST),
        "quantile_ranges": _quantile_ranges,
        "max_age": Value.duration,
    }
    return readers.get(key, Value.text)(value)


def _bound(name: str, value: Value) -> int | float | str:
    if name in WHOLE_NUMBERS:
        return value.integer(0)
    if name != BETWEEN or not isinstance(value.scalar(), str):
        return value.number()
    try:
        datetime.fromisoformat(value.text())
    except ValueError:
        raise value.wants("a number, or a time such as 2013-01-31T12:00:00Z") from None
    return value.text()


def _some(value: Value, read: Callable[[Value], str]) -> tuple[str, ...]:
    found = tuple(read(item) for item in value.items())
    if not found:
        raise value.wants("a list with at least one pattern")
    return found


def _regex(value: Value) -> str:
    return _pattern(value, patterns.regex)


def _like(value: Value) -> str:
    return _pattern(value, patterns.like)


def _pattern(value: Value, compiled: Callable[[str], object]) -> str:
    text = value.text()
    try:
        compiled(text)
    except patterns.PatternError as error:
        raise value.error(f"`{value.path}` {error}") from error
    return text


def _value_set(value: Value) -> tuple[str | int | float | bool, ...]:
    members = tuple(_member(item) for item in value.items())
    if not members or any(member is None for member in members):
        raise value.wants("a list with at least one value, none of them empty")
    if len({value_kind(member) for member in members}) > 1:
        raise value.wants("a list of texts, of numbers or of booleans: put texts that look like others in quotes")
    return members


def _member(value: Value) -> Any:
    return value.number() if isinstance(value.scalar(), float) else value.scalar()


def _type(value: Value) -> str:
    return value.choice([name for names in TYPES.values() for name in names])


def _names(value: Value, least: int) -> tuple[str, ...]:
    names = tuple(item.text() for item in value.items())
    if len(names) < least or len(set(names)) < len(names):
        raise value.wants(f"a list of at least {least} different field{'s' if least > 1 else ''}")
    return names


def _quantile_ranges(value: Value) -> dict[str, Any]:
    found = value.section(("quantiles", "value_ranges"), required=("quantiles", "value_ranges"))
    quantiles = found.read("quantiles", _quantiles, (), ())
    ranges = found.read("value_ranges", _ranges, (), ())
    if found.sure("quantiles", "value_ranges") and len(ranges) != len(quantiles):
        raise found.entries["value_ranges"].wants(PAIRS)
    return {"quantiles": quantiles, "value_ranges": ranges}


def _quantiles(value: Value) -> tuple[float, ...]:
    quantiles = tuple(float(item.number()) for item in value.items())
    if not quantiles or any(not 0 <= q <= 1 for q in quantiles):
        raise value.wants("a list of numbers from 0 to 1")
    return quantiles


def _ranges(value: Value) -> tuple[tuple[float | None, ...], ...]:
    ranges = tuple(tuple(_end(end) for end in item.items()) for item in value.items())
    if any(len(pair) != 2 for pair in ranges):
        raise value.wants(PAIRS)
    return ranges


def _end(value: Value) -> float | None:
    return None if value.scalar() is None else float(value.number())


def _share(value: Value) -> float:
    share = float(value.number())
    if not 0 <= share <= 1:
        raise value.wants("a share from 0 to 1, such as 0.95")
    return share


def _check(name: str, body: Value, kwargs: dict[str, Any], found: Section) -> None:
    if "min_value" in EXPECTATIONS[name] and found.sure(*BOUNDS):
        low, high = (kwargs.get(key) for key in BOUNDS)
        if low is None and high is None and not found.strange:
            body.mistakes.add(body.error(f"`{name}` needs `min_value`, `max_value` or both", at_key=True))
        if low is not None and high is not None:
            found.entries["max_value"].read(lambda place: _check_order(place, low, high), None)
    for argument in EXPECTATIONS[name]:
        told = argument in OPTIONAL_ARGUMENTS or argument in NAMED or found.strange
        if argument not in found.entries and not told:
            body.mistakes.add(body.error(f"`{name}` needs `{argument}`", at_key=True))


def _check_order(place: Value, low: Any, high: Any) -> None:
    if isinstance(low, str) != isinstance(high, str):
        raise place.error("`min_value` and `max_value` must both be numbers or both be times")
    if (_instant(low) > _instant(high)) if isinstance(low, str) else (low > high):
        raise place.error(f"`max_value` {high} is below `min_value` {low}")


def _instant(text: str) -> datetime:
    """Without an offset it is UTC, as in the validator."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def value_kind(member: object) -> str:
    """Which of the three kinds of a value set a member is: text, boolean or number."""
    if isinstance(member, str):
        return "text"
    return "boolean" if isinstance(member, bool) else "number"
