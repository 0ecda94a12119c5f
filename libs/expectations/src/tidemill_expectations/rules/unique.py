"""Rules against repeats. Their memory is kept by who reads the stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, TypeAlias

from tidemill_expectations.base import ExpectationError, Severity, arguments_of, check_columns, check_span
from tidemill_expectations.times import iso


@dataclass(frozen=True, slots=True)
class Unique:
    """No value comes twice in one partition within a span of event time; the first one stays.

    Not an `Expectation`: whether a value fails depends on the records before it, so there is no form for one
    row. A missing value is nobody's repeat.
    """

    name: ClassVar[str] = "expect_column_values_to_be_unique"

    column: str
    within: timedelta
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        _check(self)

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def subject(self) -> str:
        """Its fields as one text, for reports."""
        return self.column

    @property
    def arguments(self) -> str:
        """Its other arguments as one text."""
        return arguments_of(self)

    @property
    def ignore_row_if(self) -> str:
        """Which rows are no repeat of others."""
        return "any_value_is_missing"

    def explain(self, value: object) -> str:
        return f"{self.column} {value!r} came before"


@dataclass(frozen=True, slots=True)
class CompoundUnique:
    """No combination of values comes twice in one partition within a span of event time; the first one stays.

    `ignore_row_if`: all_values_are_missing (Great Expectations' default), any_value_is_missing, never. Two
    missing values are the same.
    """

    name: ClassVar[str] = "expect_compound_columns_to_be_unique"

    column_list: tuple[str, ...]
    within: timedelta
    ignore_row_if: str = "all_values_are_missing"
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        check_columns(self.name, self.column_list, self.ignore_row_if)
        _check(self)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.column_list

    @property
    def subject(self) -> str:
        """Its fields as one text, for reports."""
        return ", ".join(self.column_list)

    @property
    def arguments(self) -> str:
        """Its other arguments as one text."""
        return arguments_of(self)

    def explain(self, value: object) -> str:
        return f"{self.subject}: {value!r} came before"


@dataclass(frozen=True, slots=True)
class UniqueLabel:
    """No label of one event with the same `observed_at` comes twice in one partition within a span of event time.

    One with another `observed_at` is a correction: it passes, and who joins takes the one observed last. A key is
    `observed_at` in ms and the event id.
    """

    name: ClassVar[str] = "expect_compound_columns_to_be_unique"
    columns: ClassVar[tuple[str, ...]] = ("event_id", "observed_at")
    subject: ClassVar[str] = "event_id, observed_at"
    ignore_row_if: ClassVar[str] = "any_value_is_missing"

    within: timedelta
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        _check(self)

    @property
    def arguments(self) -> str:
        """Its other arguments as one text."""
        return arguments_of(self)

    def explain(self, value: object) -> str:
        observed, _, event_id = str(value).partition(" ")
        at = iso(int(observed)) if observed.lstrip("-").isdigit() else observed
        return f"a label of event_id {event_id!r} observed at {at} came before: a correction has a later observed_at"


AnyUnique: TypeAlias = Unique | CompoundUnique | UniqueLabel


def _check(rule: AnyUnique) -> None:
    check_span(f"{rule.name} of {rule.subject!r}", "within", rule.within)
    if rule.severity != "critical":
        raise ExpectationError(f"{rule.name} of {rule.subject!r}: a duplicate is set aside, so severity is critical")
