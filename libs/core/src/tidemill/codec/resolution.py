"""Records written with an earlier schema, read with the current one (Avro specification, "Schema
Resolution").

Where the two differ only by fields added, removed or widened, whole columns are moved; anything else is
resolved record by record by fastavro, which implements the specification.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError

from tidemill.codec.framing import BadRecord
from tidemill.codec.layout import Layout
from tidemill.contracts.schemas import Schema

# Promotions of the specification that a column can be cast by.
_WIDER = {
    pa.int32(): {pa.int64(), pa.float32(), pa.float64()},
    pa.int64(): {pa.float32(), pa.float64()},
    pa.float32(): {pa.float64()},
    pa.string(): {pa.binary()},
}


def project(rows: pa.RecordBatch, reader: Schema, layout: Layout) -> pa.RecordBatch | None:
    """`rows` of the writer's schema as rows of the reader's; None where columns cannot be moved as they
    are.
    """
    columns = []
    for field in reader.fields:
        column = _column(rows, field, layout.arrow.field(field["name"]))
        if column is None:
            return None
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=layout.arrow)


def _column(rows: pa.RecordBatch, field: dict[str, Any], wanted: pa.Field) -> pa.Array | None:
    index = rows.schema.get_field_index(field["name"])
    if index < 0:
        return _default(field, wanted, rows.num_rows)
    column = rows.column(index)
    if column.null_count and not wanted.nullable:
        return None
    if column.type != wanted.type and wanted.type not in _WIDER.get(column.type, ()):
        return None
    return column.cast(wanted.type)


def _default(field: dict[str, Any], wanted: pa.Field, rows: int) -> pa.Array | None:
    """The default for every row; None where there is none, or where the field was perhaps renamed (an
    alias).
    """
    if "aliases" in field or "default" not in field:
        return None
    default = field["default"]
    if default is None:
        return pa.nulls(rows, wanted.type)
    if not isinstance(default, (bool, int, float, str)) or not _is_scalar(wanted.type):
        return None
    return pa.array([default] * rows, type=wanted.type)


def _is_scalar(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind)
    )


def decode_rows(
    payloads: Sequence[bytes], writer: Schema, reader: Schema, layout: Layout
) -> tuple[pa.RecordBatch, list[int], list[BadRecord]]:
    """Decode record by record with full schema resolution; the result is as of `decode_columns`, tens of
    times slower.
    """
    rows: list[dict[str, Any]] = []
    positions: list[int] = []
    bad: list[BadRecord] = []
    for position, payload in enumerate(payloads):
        stream = io.BytesIO(payload)
        try:
            row: Any = schemaless_reader(stream, writer.parsed, reader.parsed)
            if stream.tell() != len(payload):
                raise ValueError(f"{len(payload) - stream.tell()} bytes left over behind the record")
        except SchemaResolutionError as error:
            bad.append(
                BadRecord(position, "IncompatibleSchema", f"written with a schema that does not resolve: {error}")
            )
        except Exception as error:  # noqa: BLE001 - fastavro raises whatever a broken byte leads to: IndexError, EOFError, KeyError, …
            bad.append(BadRecord(position, "MalformedRecord", f"not a record of its schema: {error!r}"))
        else:
            rows.append(row)
            positions.append(position)
    return rows_to_columns(rows, layout), positions, bad


def rows_to_columns(rows: Sequence[Mapping[str, Any]], layout: Layout) -> pa.RecordBatch:
    """Data of the layout's schema as columns; times may be datetimes or integers of their unit."""
    columns = [_to_arrow([row[field.name] for row in rows], field.type) for field in layout.arrow]
    return pa.RecordBatch.from_arrays(columns, schema=layout.arrow)


def _to_arrow(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_map(kind):
        values = [list(value.items()) if value is not None else None for value in values]
    return pa.array(values, type=kind)
