"""Expectations in a model file: name and arguments, checked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, cast

from tidemill.contracts.model_file.nodes import NOT_BUILT, Value, nearest
from tidemill.contracts.model_file.spec import ExpectationSpec, Severity
from tidemill.contracts.model_file.vocabulary import (
    ARGUMENTS_NOT_BUILT,
    EXPECTATIONS,
    EXPECTATIONS_NOT_BUILT,
    SEVERITIES,
)

BETWEEN = "expect_column_values_to_be_between"
LENGTHS = "expect_column_value_lengths_to_be_between"
UNIQUE = "expect_column_values_to_be_unique"


def read_expectation(item: Value) -> ExpectationSpec:
    """One entry of `expectations`: a mapping with one key, the expectation's name, to its arguments."""
    entries = item.entries()
    if len(entries) != 1:
        raise item.wants("one expectation, such as `expect_column_values_to_not_be_null: {column: carrier}`")
    name, body = next(iter(entries.items()))
    if name in EXPECTATIONS_NOT_BUILT:
        raise body.error(f"`{name}` {NOT_BUILT}", at_key=True)
    if name not in EXPECTATIONS:
        raise body.error(f"unknown expectation {name!r}", nearest(name, EXPECTATIONS), at_key=True)
    found = body.mapping(
        ("column", *EXPECTATIONS[name], "severity"), required=("column",), not_built=ARGUMENTS_NOT_BUILT
    )
    severity = found["severity"].choice(SEVERITIES) if "severity" in found else "critical"
    within = found["within"].duration() if "within" in found else None
    kwargs = {
        key: _argument(name, key, value) for key, value in found.items() if key not in ("severity", "within")
    }
    _check(name, body, kwargs, found)
    return ExpectationSpec(name=name, kwargs=kwargs, severity=cast(Severity, severity), within=within)


def _argument(name: str, key: str, value: Value) -> Any:
    if key in ("min_value", "max_value"):
        return value.integer(0) if name == LENGTHS else _bound(value)
    if key in ("strict_min", "strict_max"):
        return value.boolean()
    if key == "value_set":
        return _value_set(value)
    text = value.text()
    if key == "regex":
        try:
            re.compile(text)
        except re.error as error:
            raise value.error(f"`{value.path}` is not a regular expression: {error}") from error
    return text


def _bound(value: Value) -> int | float | str:
    if not isinstance(value.scalar(), str):
        return value.number()
    try:
        datetime.fromisoformat(value.text())
    except ValueError:
        raise value.wants("a number, or a time such as 2013-01-31T12:00:00Z") from None
    return value.text()


def _value_set(value: Value) -> tuple[str | int | float | bool, ...]:
    members = tuple(item.scalar() for item in value.items())
    if not members or any(member is None for member in members):
        raise value.wants("a list with at least one value, none of them empty")
    if len({value_kind(member) for member in members}) > 1:
        raise value.wants(
            "a list of texts, of numbers or of booleans: put texts that look like others in quotes"
        )
    return members


def _check(name: str, body: Value, kwargs: dict[str, Any], found: dict[str, Value]) -> None:
    if name in (BETWEEN, LENGTHS):
        low, high = kwargs.get("min_value"), kwargs.get("max_value")
        if low is None and high is None:
            raise body.error(f"`{name}` needs `min_value`, `max_value` or both", at_key=True)
        if low is not None and high is not None:
            _check_order(found["max_value"], low, high)
    if name == UNIQUE and found.get("severity") and found["severity"].text() != "critical":
        raise found["severity"].error("a duplicate is always set aside: `severity` of uniqueness is critical")
    for argument in ("value_set", "regex", "within"):
        if argument in EXPECTATIONS[name] and argument not in found:
            raise body.error(f"`{name}` needs `{argument}`", at_key=True)


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
