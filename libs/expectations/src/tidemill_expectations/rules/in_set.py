"""expect_column_values_to_be_in_set and expect_column_values_to_not_be_in_set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing, shown

Scalar = str | bool | int | float
Kind = Literal["string", "boolean", "number"]


@dataclass(frozen=True, slots=True)
class InSet(ColumnExpectation):
    """Every value is one of a set of strings, of numbers or of booleans. `1` and `1.0` are the same number."""

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
        if value.__class__ is str:  # the common case; a set of texts holds nothing else
            return value not in self.value_set
        if value is None or is_missing(value):
            return False
        return _kind(value) != self.kind or value not in self.value_set

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

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, which it must not be"


def _kind(value: object) -> Kind | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return "number"
    return None
