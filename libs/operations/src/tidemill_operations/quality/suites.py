"""A Great Expectations suite as expectations of a model file, and what of it cannot be taken over.

Both forms are read: 0.x (`expectation_suite_name`, `expectation_type`, `kwargs`) and 1.x (`name`, `type`,
`kwargs`, `severity`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemill.contracts.model_file.vocabulary import (
    EXPECTATIONS,
    EXPECTATIONS_NOT_BUILT,
    ROW_EXPECTATIONS,
    SEVERITIES,
    UNIQUE_EXPECTATIONS,
    WINDOW_EXPECTATIONS,
)
from tidemill.errors import ConfigError
from tidemill_expectations import ExpectationError, build

IGNORED = {"batch_id", "result_format", "catch_exceptions", "include_config", "meta", "notes", "description",
           "auto", "profiler_config", "allow_cross_type_comparisons", "parse_strings_as_datetimes"}  # fmt: skip
"""Arguments that change nothing about what is expected."""

CONDITIONS = ("row_condition", "condition_parser")
RENAMED = {
    "expect_column_values_to_be_dateutil_parseable": "times are of type timestamp-millis in the record's schema",
    "expect_column_values_to_be_json_parseable": "nested data has a type in the record's schema",
    "expect_column_values_to_match_strftime_format": "times are of type timestamp-millis in the record's schema",
    "expect_column_to_exist": "the record's schema has its fields: every record has them",
    "expect_table_column_count_to_equal": "the record's schema fixes its columns",
    "expect_table_column_count_to_be_between": "the record's schema fixes its columns",
    "expect_table_columns_to_match_ordered_list": "the record's schema fixes its columns and their order",
}
"""Expectations that have no place in a stream of typed records, and why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One expectation as a model file has it. `note`: what was decided on the way, or empty."""

    name: str
    arguments: dict[str, Any]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """One expectation, or a part of one, that was not taken over, and why."""

    name: str
    subject: str
    reason: str


@dataclass(slots=True)
class Imported:
    """A suite: its name, what was taken over and what was left."""

    name: str
    taken: list[Taken] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


def import_suite(suite: Any, *, within: str, over: str | None = None) -> Imported:
    """Reads a suite as parsed JSON. `within`: how far back repeats are looked for; `over`: the window of
    expectations by window, a day if None. Raises ConfigError for what is no suite.
    """
    if not isinstance(suite, Mapping) or not isinstance(suite.get("expectations"), list):
        raise ConfigError("this is no Great Expectations suite: it has no list `expectations`")
    found = Imported(str(suite.get("name") or suite.get("expectation_suite_name") or ""))
    for stated in suite["expectations"]:
        _take(stated, found, within, over)
    return found


def _take(stated: Any, found: Imported, within: str, over: str | None) -> None:
    if not isinstance(stated, Mapping):
        found.left.append(Left("?", "", "not a mapping"))
        return
    name = str(stated.get("type") or stated.get("expectation_type") or "?")
    kwargs = {key: value for key, value in dict(stated.get("kwargs") or {}).items() if value is not None}
    subject = _subject(kwargs)
    reason = _no_place(name, kwargs)
    if reason:
        found.left.append(Left(name, subject, reason))
        return
    arguments, notes = _arguments(name, kwargs, found, subject)
    severity = stated.get("severity") or kwargs.get("severity")
    _settle(name, arguments, str(severity).lower() if severity else None, within, over, notes)
    try:
        check(name, arguments)
    except (ExpectationError, ValueError, TypeError) as error:
        found.left.append(Left(name, subject, str(error)))
        return
    found.taken.append(Taken(name, arguments, "; ".join(notes)))


def _no_place(name: str, kwargs: Mapping[str, Any]) -> str:
    """Why an expectation as a whole cannot be taken over; empty if it can."""
    if name in RENAMED:
        return RENAMED[name]
    if name not in EXPECTATIONS:
        return "not built in Tidemill" if name in EXPECTATIONS_NOT_BUILT else "not an expectation that Tidemill knows"
    if any(kwargs.get(key) for key in CONDITIONS):
        return f"row_condition {kwargs.get('row_condition')!r}: an expectation holds for all rows of a topic"
    parameters = [key for key, value in kwargs.items() if isinstance(value, Mapping) and "$PARAMETER" in value]
    if parameters:
        return f"{', '.join(parameters)} is a parameter of a run: a stream has no runs"
    return ""


def _arguments(name: str, kwargs: Mapping[str, Any], found: Imported, subject: str) -> tuple[dict[str, Any], list[str]]:
    known = {*EXPECTATIONS[name], "mostly"} if name in ROW_EXPECTATIONS else {*EXPECTATIONS[name]}
    arguments: dict[str, Any] = {}
    notes: list[str] = []
    for key, value in kwargs.items():
        if key in known:
            arguments[key] = value
        elif (key == "mostly" and value == 1) or key in {*IGNORED, *CONDITIONS, "severity"}:
            continue
        else:
            found.left.append(Left(name, subject, f"argument {key}={value!r}; the rest of it was taken over"))
    if arguments.get("mostly") in (1, 1.0):
        del arguments["mostly"]
    if not arguments.get("strict_min", True):
        del arguments["strict_min"]
    if not arguments.get("strict_max", True):
        del arguments["strict_max"]
    for key in ("value_set", "type_list"):
        if key in arguments and isinstance(arguments[key], list):
            arguments[key] = [member for member in arguments[key] if member is not None]
    return arguments, notes


def _settle(
    name: str, arguments: dict[str, Any], severity: str | None, within: str, over: str | None, notes: list[str]
) -> None:
    """What a stream needs besides: the window of repeats and of windows, and a severity that fits."""
    by_window = name in WINDOW_EXPECTATIONS or "mostly" in arguments
    if name in UNIQUE_EXPECTATIONS:
        arguments["within"] = within
        notes.append(f"repeats are looked for within {within}, partition by partition")
    if by_window and over:
        arguments["over"] = over
    if by_window:
        notes.append("judged by window of event time")
    if name in UNIQUE_EXPECTATIONS or severity not in SEVERITIES:
        return
    if by_window and severity == "critical":
        notes.append("critical pauses the validator: left at warning")
        return
    if severity != "critical" and not (by_window and severity == "warning"):
        arguments["severity"] = severity


def check(name: str, arguments: Mapping[str, Any]) -> None:
    """Raises ExpectationError where the expectation cannot be built."""
    from tidemill.contracts.quantities import parse_duration

    own = {key: value for key, value in arguments.items() if key not in ("severity", "within", "over", "mostly")}
    build(
        name,
        own,
        severity=arguments.get("severity"),
        within=parse_duration(arguments["within"]) if "within" in arguments else None,
        over=parse_duration(arguments["over"]) if "over" in arguments else None,
        mostly=arguments.get("mostly"),
    )


def _subject(kwargs: Mapping[str, Any]) -> str:
    single = [str(kwargs[key]) for key in ("column", "column_A", "column_B") if key in kwargs]
    listed = [str(name) for key in ("column_list", "column_set") for name in kwargs.get(key) or ()]
    return ", ".join([*single, *listed])


def to_yaml(imported: Imported) -> str:
    """The `expectations` section of a model file."""
    import yaml

    lines = ["expectations:"] if imported.taken else ["expectations: []"]
    for taken in imported.taken:
        inner = yaml.safe_dump(
            taken.arguments, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
        ).strip()
        note = f" # {taken.note}" if taken.note else ""
        lines.append(f"  - {taken.name}: {inner}{note}")
    return "\n".join(lines) + "\n"
