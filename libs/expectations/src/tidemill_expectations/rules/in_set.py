"""expect_column_values_to_be_in_set and expect_column_values_to_not_be_in_set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing, is_number, shown

if TYPE_CHECKING:
    import polars as pl

Scalar = str | bool | int | float
Kind = Literal["string", "boolean", "number"]


@dataclass(frozen=True, slots=True)
class InSet(ColumnExpectation):
    """Every value is one of a set of strings, of numbers or of booleans. `1` and `1.0` are the same
    number.
    """

    name: ClassVar[str] = "expect_column_values_to_be_in_set"

    column: str
    value_set: frozenset[Scalar]
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        if not self.value_set:
            raise ExpectationError(f"{self.name} of {self.column!r}: value_set is empty")
        kinds = {_kind(value) for value in self.value_set}
        if len(kinds) > 1 or None in kinds:
            raise ExpectationError(
                f"{self.name} of {self.column!r}: value_set must hold either strings, numbers or booleans"
            )

    @property
    def kind(self) -> Kind:
        kind = _kind(next(iter(self.value_set)))
        assert kind is not None
        return kind

    def fails(self, value: object) -> bool:
        if is_missing(value):
            return False
        return _kind(value) != self.kind or value not in self.value_set

    def failures(self, dtype: pl.DataType) -> pl.Expr:
        import polars as pl

        column = pl.col(self.column)
        target = _comparable(self.kind, dtype)
        if target is None:
            raise self.unsuited(dtype)
        members = pl.Series([_exact(target, v) for v in self.value_set], dtype=target).drop_nulls()
        failing = ~column.cast(target).is_in(pl.lit(members.implode()))
        if target == pl.Float64:
            failing = failing & column.is_not_nan()
        return (failing & column.is_not_null()).fill_null(False)

    def explain(self, value: object) -> str:
        members = sorted(self.value_set, key=str)
        listed = ", ".join(shown(member) for member in members[:5])
        return f"{self.column} is {shown(value)}, not one of {listed}{', …' if len(members) > 5 else ''}"


@dataclass(frozen=True, slots=True)
class NotInSet(InSet):
    """No value is one of a set of strings, of numbers or of booleans."""

    name: ClassVar[str] = "expect_column_values_to_not_be_in_set"

    def fails(self, value: object) -> bool:
        return not is_missing(value) and not InSet.fails(self, value)

    def failures(self, dtype: pl.DataType) -> pl.Expr:
        import polars as pl

        column = pl.col(self.column)
        there = column.is_not_null() & column.is_not_nan() if dtype.is_float() else column.is_not_null()
        return there & ~InSet.failures(self, dtype)

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, which it must not be"


def _kind(value: object) -> Kind | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if is_number(value) and isinstance(value, int | float) and math.isfinite(value):
        return "number"
    return None


def _comparable(kind: Kind, dtype: pl.DataType) -> pl.DataType | None:
    """The type in which a column of `dtype` and members of `kind` compare without loss; None where there is
    none.
    """
    import polars as pl

    if kind == "string" and dtype in (pl.String, pl.Categorical, pl.Enum):
        return pl.String()
    if kind == "boolean" and dtype == pl.Boolean:
        return pl.Boolean()
    if kind == "number" and dtype.is_integer():
        return pl.Int64()
    if kind == "number" and dtype.is_float():
        return pl.Float64()
    return None


def _exact(target: pl.DataType, value: Scalar) -> Scalar | None:
    """A member as a column of type `target` holds it; None where it cannot, so that no value equals it."""
    if target.is_integer():
        return int(value) if value == int(value) and -(2**63) <= value < 2**63 else None
    if target.is_float():
        return _float_of(value)
    return value


def _float_of(value: Scalar) -> float | None:
    try:
        return float(value) if float(value) == value else None
    except OverflowError:  # an integer beyond all floats
        return None
