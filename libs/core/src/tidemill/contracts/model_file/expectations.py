"""Expectations in a model file: name and arguments, checked."""

from __future__ import annotations

import re
from typing import Any, cast

from tidemill.contracts.model_file.nodes import NOT_BUILT, Value, nearest
from tidemill.contracts.model_file.spec import ExpectationSpec, Severity
from tidemill.contracts.model_file.vocabulary import (
    ARGUMENTS_NOT_BUILT,
    EXPECTATIONS,
    EXPECTATIONS_NOT_BUILT,
    SEVERITIES,
)


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
    kwargs = {key: _argument(key, value) for key, value in found.items() if key not in ("severity", "within")}
    _check(name, body, kwargs, found)
    return ExpectationSpec(name=name, kwargs=kwargs, severity=cast(Severity, severity), within=within)


def _argument(key: str, value: Value) -> Any:
    if key in ("min_value", "max_value"):
        return value.number()
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


def _value_set(value: Value) -> tuple[str | int | float | bool, ...]:
    members = tuple(item.scalar() for item in value.items())
    if not members or any(member is None for member in members):
        raise value.wants("a list with at least one value, none of them empty")
    if len({isinstance(member, str) for member in members}) > 1:
        raise value.wants("a list of either texts or numbers: put texts that look like numbers in quotes")
    return members


def _check(name: str, body: Value, kwargs: dict[str, Any], found: dict[str, Value]) -> None:
    if name == "expect_column_values_to_be_between":
        low, high = kwargs.get("min_value"), kwargs.get("max_value")
        if low is None and high is None:
            raise body.error(f"`{name}` needs `min_value`, `max_value` or both", at_key=True)
        if low is not None and high is not None and low > high:
            raise found["max_value"].error(f"`max_value` {high} is below `min_value` {low}")
    for argument in ("value_set", "regex", "within"):
        if argument in EXPECTATIONS[name] and argument not in found:
            raise body.error(f"`{name}` needs `{argument}`", at_key=True)
