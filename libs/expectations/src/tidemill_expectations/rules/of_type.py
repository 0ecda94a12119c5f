"""expect_column_values_to_be_of_type and expect_column_values_to_be_in_type_list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from tidemill.contracts.model_file.vocabulary import TYPES
from tidemill_expectations.base import ColumnExpectation, ExpectationError, Severity, is_missing, shown


@dataclass(frozen=True, slots=True)
class OfType(ColumnExpectation):
    """Every value is of one of the types, by the names of Python, pandas, Avro, SQL or Spark.

    A record has a schema, so a column of the right type holds nothing else and one of another type is refused before
    the first record. The row form looks at each value: rows come from JSON. Times are milliseconds or datetimes.
    """

    name: ClassVar[str] = "expect_column_values_to_be_of_type"

    column: str
    type_list: tuple[str, ...]
    severity: Severity = "critical"

    def __post_init__(self) -> None:
        known = [name for names in TYPES.values() for name in names]
        unknown = [name for name in self.type_list if name not in known]
        if unknown or not self.type_list:
            raise ExpectationError(f"{self.name} of {self.column!r}: no type is called {', '.join(unknown) or 'so'}")

    @property
    def kinds(self) -> set[str]:
        """text, integer, float, boolean, time: those that the names stand for."""
        return {kind for kind, names in TYPES.items() if set(names) & set(self.type_list)}

    def fails(self, value: object) -> bool:
        return not is_missing(value) and not self.kinds & _kinds_of(value)

    def explain(self, value: object) -> str:
        return f"{self.column} is {shown(value)}, not of type {' or '.join(self.type_list)}"


@dataclass(frozen=True, slots=True)
class InTypeList(OfType):
    """The same under the name that takes a list."""

    name: ClassVar[str] = "expect_column_values_to_be_in_type_list"


def _kinds_of(value: object) -> set[str]:
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "time"}
    if isinstance(value, float):
        return {"float"}
    if isinstance(value, datetime):
        return {"time"}
    return {"text"} if isinstance(value, str) else set()
