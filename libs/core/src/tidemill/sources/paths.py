"""Values at a path: in columns and in one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tidemill.sources.part import Path

MISSING: Final = object()
"""What `value_at` gives where a record has nothing at a path."""


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


def value_at(row: Mapping[str, Any], path: Path) -> Any:
    """The value at a path through mappings; MISSING where a name is not there or something on the way is null."""
    value: Any = row
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value
