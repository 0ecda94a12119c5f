"""A batch of Avro binaries of one schema to Arrow columns and back, some million records a second a core.

pyruhvro does the work and this module adds what it leaves out: it finds the records that fail a batch, refuses bytes
left over behind a record, whole numbers beyond their type's width (it would keep their lowest bits) and strings that
are not UTF-8, and refuses a null where the schema admits none. It is one author's library: what it writes is proved
equal to fastavro's by the tests of this module.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyruhvro

from tidemill.codec.exact import check_exact
from tidemill.codec.framing import BadRecord
from tidemill.codec.layout import Layout
from tidemill.codec.lengths import shortest_form

MALFORMED = "MalformedRecord"


def decode_columns(payloads: Sequence[bytes], layout: Layout) -> tuple[pa.RecordBatch, list[int], list[BadRecord]]:
    """Decode Avro binaries without their headers.

    Returns the good rows (fields of `layout.arrow`, order kept), the position of each in `payloads`, and
    the bad ones. A record is bad when it is cut short, has bytes left over, holds a whole number that its type
    does not, or text that is not UTF-8.
    """
    given = list(payloads)
    bad: list[BadRecord] = []
    places = list(range(len(given)))
    try:
        rows = _decode_exactly(given, layout)
    except ValueError:
        _sift(given, 0, layout, bad)  # most bad records show here, at little cost for the good ones
        gone = {record.position for record in bad}
        places = [place for place in places if place not in gone]
    else:
        return _public(rows, layout), places, bad
    good: list[tuple[int, pa.RecordBatch]] = []
    rest: list[BadRecord] = []
    _decode_range([given[place] for place in places], 0, layout, good, rest)
    bad += [BadRecord(places[b.position], b.error_class, b.message) for b in rest]
    bad.sort(key=lambda record: record.position)
    if not good:
        return empty(layout), [], bad
    positions = [places[start + k] for start, rows in good for k in range(rows.num_rows)]
    return _public(_concat([rows for _, rows in good]), layout), positions, bad


def _sift(payloads: list[bytes], start: int, layout: Layout, bad: list[BadRecord]) -> None:
    """Find the records that cannot be read at all, by halving; what is left may still be wrong."""
    try:
        pyruhvro.deserialize_array(payloads, layout.wire_text)
    except ValueError as error:
        if len(payloads) == 1:
            bad.append(BadRecord(start, MALFORMED, f"not a record of this schema: {error}"))
            return
        middle = len(payloads) // 2
        _sift(payloads[:middle], start, layout, bad)
        _sift(payloads[middle:], start + middle, layout, bad)


def _decode_range(
    payloads: list[bytes],
    start: int,
    layout: Layout,
    good: list[tuple[int, pa.RecordBatch]],
    bad: list[BadRecord],
) -> None:
    """Decode all at once; where that fails, halve until the bad ones stand alone."""
    if not payloads:
        return
    try:
        rows = _decode_exactly(payloads, layout)
    except ValueError as error:
        if len(payloads) == 1:
            bad.append(BadRecord(start, MALFORMED, f"not a record of this schema: {error}"))
            return
        middle = len(payloads) // 2
        _decode_range(payloads[:middle], start, layout, good, bad)
        _decode_range(payloads[middle:], start + middle, layout, good, bad)
        return
    good.append((start, rows))


def _decode_exactly(payloads: list[bytes], layout: Layout) -> pa.RecordBatch:
    """Decode or raise ValueError; success means that every byte of every payload belongs to its record."""
    rows = pyruhvro.deserialize_array(payloads, layout.wire_text)
    _check_text(rows, layout)
    if layout.measures is not None:
        size, in_doubt = shortest_form(rows, layout.measures)
        if not in_doubt and size == sum(map(len, payloads)):
            return rows  # no record is shorter than its shortest form: equal sums leave no byte over anywhere
    # What is written again byte for byte was read exactly. What is not may still be right (numbers with idle bits,
    # arrays in several blocks): it is walked.
    written = pyruhvro.serialize_record_batch(rows, layout.wire_text, 1)[0].to_pylist()
    for payload, again in zip(payloads, written, strict=True):
        if payload != again:
            check_exact(payload, layout.plain)
    return rows


def _check_text(rows: pa.RecordBatch, layout: Layout) -> None:
    try:
        for field in layout.arrow:
            if pa.types.is_string(field.type) or pa.types.is_nested(field.type):
                _view(rows.column(field.name), field.type).validate(full=True)
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from error


def encode_columns(rows: pa.RecordBatch, layout: Layout) -> list[bytes]:
    """Encode rows to Avro binaries without headers, one per row, order kept.

    Columns are found by name; a missing column of a nullable field is null; others that the record does not have are
    left out. Raises ValueError for a null in a field that admits none and for a type that cannot be cast safely.
    """
    wire = pa.RecordBatch.from_arrays(
        [_wire_column(rows, f, layout) for f in layout.wire_arrow], schema=layout.wire_arrow
    )
    written: list[bytes] = pyruhvro.serialize_record_batch(wire, layout.wire_text, 1)[0].to_pylist()
    return written


def _wire_column(rows: pa.RecordBatch, field: pa.Field, layout: Layout) -> pa.Array:
    index = rows.schema.get_field_index(field.name)
    column = pa.nulls(rows.num_rows, field.type) if index < 0 else rows.column(index)
    if column.null_count and field.name in layout.required:
        raise ValueError(f"the field {field.name!r} admits no null, and {column.null_count} of its values are")
    public = layout.arrow.field(field.name).type
    if pa.types.is_binary(public) or _holds_bytes(public):
        return _view(column.cast(public), field.type)
    if pa.types.is_timestamp(field.type):
        column = _as(layout.arrow.field(field.name).type, column)
    return _as(field.type, column)


def concat_in_order(parts: list[tuple[pa.RecordBatch, list[int]]], layout: Layout) -> tuple[pa.RecordBatch, list[int]]:
    """Put batches of rows together so that the positions that stand beside them rise."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty(layout), []
    positions = np.concatenate([np.asarray(p, dtype=np.int64) for _, p in parts])
    order = np.argsort(positions, kind="stable")
    rows = _concat([rows for rows, _ in parts])
    return rows.take(pa.array(order)), [int(p) for p in positions[order]]


def _public(rows: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    columns = [_as(field.type, _view(rows.column(field.name), field.type)) for field in layout.arrow]
    return pa.RecordBatch.from_arrays(columns, schema=layout.arrow)


def _as(kind: pa.DataType, column: pa.Array) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _view(column: pa.Array, to: pa.DataType) -> pa.Array:
    """Bytes under the name of text or back, also inside of structs, lists and maps; all else as it is.

    The buffers are the same: binary and string differ in nothing but the promise of UTF-8.
    """
    given = column.type
    if given == to:
        return column
    if pa.types.is_struct(to) and (_holds_bytes(to) or _holds_bytes(given)):
        inner = [_view(column.field(k), to.field(k).type) for k in range(to.num_fields)]
        fields = [field.with_type(array.type) for field, array in zip(to, inner, strict=True)]
        return pa.StructArray.from_arrays(inner, fields=fields, mask=column.is_null())
    if pa.types.is_list(to) and (_holds_bytes(to) or _holds_bytes(given)):
        return _rebuilt(column, to, _view(column.values, to.value_type))
    if pa.types.is_map(to) and (_holds_bytes(to) or _holds_bytes(given)):
        entries = [column.keys, _view(column.items, to.item_type)]
        return _rebuilt(column, to, pa.StructArray.from_arrays(entries, fields=[to.key_field, to.item_field]))
    if pa.types.is_timestamp(given) and pa.types.is_timestamp(to) and given.unit == to.unit:
        return column.view(to)
    if {given, to} == {pa.binary(), pa.string()}:
        return pa.Array.from_buffers(to, len(column), column.buffers(), column.null_count, column.offset)
    return column


def _rebuilt(column: pa.Array, to: pa.DataType, inner: pa.Array) -> pa.Array:
    """The same list or map over other contents."""
    buffers = column.buffers()[:2]
    return pa.Array.from_buffers(to, len(column), buffers, column.null_count, column.offset, children=[inner])


def _holds_bytes(kind: pa.DataType) -> bool:
    """Whether bytes stand somewhere inside of a struct, list or map."""
    inner = [kind.field(k).type for k in range(kind.num_fields)] if pa.types.is_nested(kind) else []
    return any(pa.types.is_binary(part) or _holds_bytes(part) for part in inner)


def _concat(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def empty(layout: Layout) -> pa.RecordBatch:
    """No rows, with the layout's fields."""
    return pa.RecordBatch.from_pylist([], schema=layout.arrow)
