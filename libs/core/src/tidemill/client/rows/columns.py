"""Tables as the columns of a model's record, by the rule of every way in (`tidemill.sources.fitting`), and as Arrow
streams. Needs pyarrow.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from tidemill.client.errors import InvalidRows, RowError
from tidemill.client.flows.forms import InstanceForm
from tidemill.codec.layout import layout_of
from tidemill.contracts.schemas.avro_types import is_nullable
from tidemill.json.rows import LISTED_FIELDS, field_converters
from tidemill.nearest import did_you_mean
from tidemill.sources.fitting import settle_column

__all__ = ["ARROW", "read_stream", "settled", "write_stream"]

ARROW: Final = "application/vnd.apache.arrow.stream"


def settled(table: pa.Table, form: InstanceForm) -> pa.Table:
    """The columns of a table in the record's types. Raises InvalidRows with every value that does not fit, and every
    column that the record does not have or that is missing.
    """
    record = form.schema
    layout = layout_of(record.json)
    if layout is None:
        raise InvalidRows(
            [RowError(0, "", f"columns cannot hold the record of {record.name}: give rows, one mapping each")]
        )
    errors = _names(table.column_names, frozenset(record.field_names))
    converters = field_converters(record)
    found: dict[str, pa.Array] = {}
    for avro in record.json["fields"]:
        name, optional = avro["name"], avro["name"] in form.optional
        if name not in table.column_names:
            if not optional and "default" not in avro and not is_nullable(avro["type"]):
                errors.append(RowError(0, name, "is missing", "schema"))
            continue
        column = table.column(name).combine_chunks()
        found[name], wrong = settle_column(column, layout.arrow.field(name), avro["type"], None, converters[name])
        errors += [RowError(index, name, reason, "schema") for index, reason in wrong.items()]
        if not optional and not is_nullable(avro["type"]):
            errors += _nulls(found[name], name, wrong)
    if errors:
        raise InvalidRows(sorted(errors, key=lambda error: error.index))
    return pa.table(found)


def _names(given: list[str], known: frozenset[str]) -> list[RowError]:
    unknown = [name for name in given if name not in known]
    errors = [
        RowError(0, name, f"is not a field of the record{did_you_mean(name, known)}", "schema")
        for name in unknown[:LISTED_FIELDS]
    ]
    if len(unknown) > LISTED_FIELDS:
        errors.append(RowError(0, "", f"{len(unknown) - LISTED_FIELDS} more columns are not fields of the record"))
    return errors


def _nulls(column: pa.Array, name: str, wrong: dict[int, str]) -> list[RowError]:
    if not column.null_count:
        return []
    missing = [index for index, is_null in enumerate(column.is_null().to_pylist()) if is_null and index not in wrong]
    return [RowError(index, name, "is null", "schema") for index in missing]


def write_stream(table: pa.Table) -> bytes:
    """An Arrow IPC stream, not compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def read_stream(body: bytes) -> pa.Table:
    """The rows of a stream."""
    with pa.ipc.open_stream(body) as reader:
        return reader.read_all()
