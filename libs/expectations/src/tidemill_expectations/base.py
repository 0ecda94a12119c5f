"""What an expectation is: one rule about rows, and its form for a single row.

Its form for columns, its kernel, stands apart (`tidemill_expectations.kernels`): rows are checked without pyarrow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any, ClassVar, Literal, TypeAlias

from tidemill.contracts.model_file.vocabulary import IGNORE_LIST
from tidemill.contracts.quantities import MILLISECOND
from tidemill.errors import ConfigError
from tidemill_expectations.times import iso, span

Severity: TypeAlias = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")

SHOWN_CHARACTERS = 60
"""A failing value is quoted in messages and headers: no further than this."""


Ignored: TypeAlias = Literal["all", "any", "none"]
"""Which rows a rule does not look at: those in which all, any, or none of its values are missing."""


class ExpectationError(ConfigError):
    """An expectation that can never be checked: unknown name or argument, or a column of a type it is not for."""


class Expectation(ABC):
    """One rule about a row. Immutable, stateless, safe to share between threads.

    Missing values, null and NaN alike, pass everything but `expect_column_values_to_not_be_null`, as Great
    Expectations has it on pandas. `fails_row(row)` and the rule's kernel agree for every row that columns of
    those types can hold. Most rules are about one column: they say it as `fails(value)`.
    """

    __slots__ = ()

    name: ClassVar[str]
    """Great Expectations' name, as it stands in a model file."""
    severity: Severity

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The fields that it looks at."""

    @property
    def subject(self) -> str:
        """Its fields as one text, for reports."""
        return ", ".join(self.columns)

    @property
    def arguments(self) -> str:
        """Its other arguments as one text: with name and subject, it tells this expectation from all others."""
        return arguments_of(self)

    @property
    def ignored(self) -> Ignored:
        """Which rows it does not look at, by their missing values: they cannot break it."""
        return "all"

    @abstractmethod
    def fails_row(self, row: Mapping[str, object]) -> bool:
        """Whether a row breaks the rule; a field that it lacks is null. Times are milliseconds since the epoch
        or aware datetimes.
        """

    @abstractmethod
    def explain_row(self, row: Mapping[str, object]) -> str:
        """Why a failing row fails, in one clause that starts with the first column."""


class ColumnExpectation(Expectation):
    """A rule about the values of one column."""

    __slots__ = ()

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fails_row(self, row: Mapping[str, object]) -> bool:
        return self.fails(row.get(self.column))

    def explain_row(self, row: Mapping[str, object]) -> str:
        return self.explain(row.get(self.column))

    @abstractmethod
    def fails(self, value: object) -> bool:
        """Whether one value breaks the rule."""

    def test(self) -> Callable[[object], bool]:
        """`fails`, made ready to be asked of many values."""
        return self.fails

    @abstractmethod
    def explain(self, value: object) -> str:
        """Why a failing value fails, in one clause that starts with the column."""

    def unsuited(self, kind: object) -> ExpectationError:
        """The error for a column of a type that the rule is not for."""
        return ExpectationError(f"{self.name} is not for column {self.column!r} of type {kind}")


def arguments_of(rule: Any, without: tuple[str, ...] = ()) -> str:
    """The arguments of a dataclass of a rule that are not its fields' names nor defaults, as `key=value, ...`."""
    told = []
    for field in fields(rule):
        value = getattr(rule, field.name)
        if field.name in (*NOT_ARGUMENTS, *without) or value == field.default:
            continue
        if isinstance(value, frozenset | set | tuple):
            members = sorted(map(str, value)) if isinstance(value, frozenset | set) else list(map(str, value))
            value = f"[{', '.join(members)}]"
        elif isinstance(value, timedelta):
            value = span(value)
        elif field.name in ("min_value", "max_value") and getattr(rule, "times", False):
            value = iso(value)
        told.append(f"{field.name}={value}")
    return ", ".join(told)


def check_span(rule: str, argument: str, value: timedelta) -> None:
    """Raises ExpectationError where a span of event time is not at least one millisecond, in whole ones."""
    if value < MILLISECOND or value % MILLISECOND:
        raise ExpectationError(f"{rule}: {argument} is a span of whole milliseconds longer than nothing, not {value}")


def check_columns(rule: str, column_list: Sequence[str], ignore_row_if: str) -> None:
    """Raises ExpectationError where a rule about a list of columns has fewer than two, one twice, or rows to ignore
    that no such rule knows.
    """
    if len(set(column_list)) < max(2, len(column_list)):
        raise ExpectationError(f"{rule} needs column_list, at least two different columns")
    if ignore_row_if not in IGNORE_LIST:
        raise ExpectationError(f"{rule}: ignore_row_if is one of {', '.join(IGNORE_LIST)}")


NOT_ARGUMENTS = ("column", "column_a", "column_b", "column_list", "severity", "times")


def is_missing(value: object) -> bool:
    """Null, or the NaN that stands for it in a float column."""
    return value is None or (isinstance(value, float) and value != value)


def shown(value: object) -> str:
    """A value as it is quoted in a message: `repr`, cut after `SHOWN_CHARACTERS`."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def is_number(value: object) -> bool:
    """An int or a float; a boolean is neither here."""
    return isinstance(value, int | float) and not isinstance(value, bool)
