"""What an expectation is: one rule about one column, with a form for columns and a form for a single
value.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from tidemill.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

Severity: TypeAlias = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")

SHOWN_CHARACTERS = 60
"""A failing value is quoted in messages and headers: no further than this."""


class ExpectationError(ConfigError):
    """An expectation that can never be checked: unknown name or argument, or a column of a type it is not
    for.
    """


class Expectation(ABC):
    """One rule about the values of one column. Immutable, stateless, safe to share between threads.

    Missing values, null and NaN alike, pass everything but `expect_column_values_to_not_be_null`, as Great
    Expectations has it on pandas. `fails(v)` and `failures(dtype)` agree for every value that a column of
    that type can hold.
    """

    __slots__ = ()

    name: ClassVar[str]
    """Great Expectations' name, as it stands in a model file."""
    column: str
    severity: Severity

    @abstractmethod
    def fails(self, value: object) -> bool:
        """Whether one value breaks the rule. Times are milliseconds since the epoch or aware datetimes."""

    @abstractmethod
    def failures(self, dtype: pl.DataType) -> pl.Expr:
        """A polars expression over a frame with `column` of type `dtype`: Boolean, no nulls, true where it
        breaks.

        Raises ExpectationError where the rule is not for such a column.
        """

    @abstractmethod
    def explain(self, value: object) -> str:
        """Why a failing value fails, in one clause that starts with the column."""

    def unsuited(self, dtype: object) -> ExpectationError:
        """The error for a column of a type that the rule is not for."""
        return ExpectationError(f"{self.name} is not for column {self.column!r} of type {dtype}")


def is_missing(value: object) -> bool:
    """Null, or the NaN that stands for it in a float column."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def shown(value: object) -> str:
    """A value as it is quoted in a message: `repr`, cut after `SHOWN_CHARACTERS`."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def is_number(value: object) -> bool:
    """An int or a float; a boolean is neither here."""
    return isinstance(value, int | float) and not isinstance(value, bool)
