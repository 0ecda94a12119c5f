"""Records written with an earlier schema, read with the current one (Avro specification, "Schema Resolution").

Where the two differ only by fields added, removed, renamed or widened, whole columns are moved; anything else is
resolved record by record by fastavro, which implements the specification.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError
from fastavro.schema import to_parsing_canonical_form

from tidemill.codec.exact import check_exact
from tidemill.codec.framing import BadRecord
from tidemill.codec.layout import Layout
from tidemill.contracts.schemas.avro_types import beside_null
from tidemill.contracts.schemas.catalog import Schema

_PROMOTIONS: Final = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
}


def changed_meaning(writer: Schema, reader: Schema) -> str | None:
    """Which field has another logical type in the two schemas, though Avro would read it: 5 ms are not 5 µs."""
    written = {field["name"]: field["type"] for field in writer.fields}
    for field in reader.fields:
        name = _written_name(field, written)
        was, now = (_logical(beside_null(kind)) for kind in (written.get(name or ""), field["type"]))
        if was and now and was != now:
            return f"the field {field['name']} was {was} and is {now} now"
    return None


def project(rows: pa.RecordBatch, writer: Schema, reader: Schema, layout: Layout) -> pa.RecordBatch | None:
    """`rows` of the writer's schema as rows of the reader's (whose `layout` it is); None where columns cannot be
    moved as they are.
    """
    written = {field["name"]: field["type"] for field in writer.fields}
    columns = []
    for field in reader.fields:
        wanted = layout.arrow.field(field["name"])
        name = _written_name(field, written)
        if name is None:
            column = _default(field, wanted, rows.num_rows)
        elif _movable(written[name], field["type"]):
            column = _moved(rows.column(name), wanted)
        else:
            column = None
        if column is None:
            return None
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=layout.arrow)


def _written_name(field: dict[str, Any], written: Mapping[str, Any]) -> str | None:
    """Under which name a reader's field was written: its own, or an earlier one that it has as an alias."""
    return next((name for name in (field["name"], *field.get("aliases", ())) if name in written), None)


def _movable(written: Any, read: Any) -> bool:
    """Whether every value but null of one parsed type is one of the other, as it is or promoted."""
    was, now = beside_null(written), beside_null(read)
    if was is None or now is None or _logical(was) != _logical(now):
        return False
    if _kind(was) == _kind(now) == "enum":
        return _short(was) == _short(now) and set(was["symbols"]) <= set(now["symbols"])
    if _kind(now) in _PROMOTIONS.get(_kind(was), ()):
        return True
    return bool(to_parsing_canonical_form(was) == to_parsing_canonical_form(now))


def _kind(node: Any) -> str:
    return str(node["type"]) if isinstance(node, dict) else str(node)


def _logical(node: Any) -> Any:
    return node.get("logicalType") if isinstance(node, dict) else None


def _short(node: Any) -> str:
    return str(node["name"]).rpartition(".")[2]


def _moved(column: pa.Array, wanted: pa.Field) -> pa.Array | None:
    if column.null_count and not wanted.nullable:
        return None
    if column.type == wanted.type:
        return column
    return column.cast(wanted.type, safe=False)  # a large long as a double loses digits, by the specification


def _default(field: dict[str, Any], wanted: pa.Field, rows: int) -> pa.Array | None:
    """The default for every row; None where there is none, or none that is simple."""
    if "default" not in field:
        return None
    default = field["default"]
    if default is None:
        return pa.nulls(rows, wanted.type) if wanted.nullable else None
    if not isinstance(default, (bool, int, float, str)) or not _is_scalar(wanted.type):
        return None
    return pa.array([default] * rows, type=wanted.type)


def _is_scalar(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind)
    )


def decode_rows(
    payloads: Sequence[bytes], writer: Any, reader: Any, layout: Layout
) -> tuple[pa.RecordBatch, list[int], list[BadRecord]]:
    """Decode record by record with full schema resolution; the result is as of `decode_columns`, tens of
    times slower. `writer` and `reader` as `parse_plain` gives them.
    """
    rows: list[dict[str, Any]] = []
    positions: list[int] = []
    bad: list[BadRecord] = []
    for position, payload in enumerate(payloads):
        stream = io.BytesIO(payload)
        try:
            check_exact(payload, writer)
            row: Any = schemaless_reader(stream, writer, reader)
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
