"""Rows as a caller has them (Python, numpy and pandas values) as rows of JSON, by what the record's fields want."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidemill.contracts.schemas.catalog import Schema
from tidemill.json.python_values import fit_value
from tidemill.json.rows import FieldError

__all__ = ["FieldTypes", "as_json"]


class FieldTypes:
    """The Avro types of a record's fields by every name under which they come."""

    def __init__(self, schema: Schema, other_names: tuple[tuple[str, str], ...] = ()) -> None:
        self._types = {field["name"]: field["type"] for field in schema.json["fields"]}
        self._types |= {other: self._types[name] for other, name in other_names if name in self._types}

    def fit(self, row: Any) -> dict[str, Any]:
        """A row of JSON; whether its values fit is for others to say. Raises FieldError for what is no row, and for
        values that JSON cannot say.
        """
        if not isinstance(row, Mapping):
            raise FieldError("", f"is no row, but a {type(row).__name__}: give a mapping of field to value")
        return {
            str(name): fit_value(_plain(value, str(name)), self._types.get(name), None) for name, value in row.items()
        }


def _plain(value: Any, name: str) -> Any:
    """A scalar of numpy as Python's own, and the missing values of pandas as None."""
    if value is None or isinstance(value, str | int | float):
        return value
    kind = type(value)
    if kind.__name__ in ("NAType", "NaTType") and kind.__module__.startswith("pandas"):
        return None
    dtype = getattr(value, "dtype", None)
    if dtype is None or getattr(value, "shape", None) != ():
        return value
    if dtype.kind in "mM":
        raise FieldError(name, f"{value} has no offset: give a datetime with one, such as datetime(..., tzinfo=UTC)")
    return value.item()


def as_json(row: Mapping[str, Any]) -> bytes:
    """A row that was found right, on one line."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
