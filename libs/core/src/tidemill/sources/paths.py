"""Values at a path: in columns and in one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tidemill.sources.part import Path

MISSING: Final = object()
"""What `value_at` gives where a record has nothing at a path."""


class _Twice:
    def __repr__(self) -> str:
        return "a key that stands twice"


TWICE: Final = _Twice()
"""What stands in a row in place of the values of a key that an object has twice: which is meant cannot be told."""


def column_at(rows: pa.RecordBatch, path: Path) -> pa.Array | None:
    """The column at a path through structs, null where an outer one is; None where there is no such field."""
    index = rows.schema.get_field_index(path[0])
    if index < 0:
        return None
    column = rows.column(index)
    for name in path[1:]:
        if not pa.types.is_struct(column.type) or column.type.get_field_index(name) < 0:
            return None
        column = pc.struct_field(column, [column.type.get_field_index(name)])
    return column


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, with TWICE for each key that it has more than once: columns are read by pyarrow, which refuses
    only those that are asked for, too.
    """
    row: dict[str, Any] = {}
    for key, value in pairs:
        row[key] = TWICE if key in row else value
    return row


def value_at(row: Mapping[str, Any], path: Path) -> Any:
    """The value at a path through mappings; MISSING where a name is not there or something on the way is null, TWICE
    where something on the way stands twice.
    """
    value: Any = row
    for name in path:
        if value is TWICE:
            return TWICE
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value
