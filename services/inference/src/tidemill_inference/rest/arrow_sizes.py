"""How large columns become when they are decoded, told before they are.

An encoded column names a value as often as it likes: a dictionary of one long text and ten thousand indices, or ten
thousand views of one buffer, is a small body and gigabytes of text. What is asked here reads lengths alone, of arrays
that have passed `validate()` and not yet `validate(full=True)`, whose time grows with the decoded size too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

VIEW_BYTES = 16
"""Of a view in memory: its length in 4 bytes, then the text or where it stands."""


def is_plain(kind: pa.DataType) -> bool:
    """Whether each value stands in the column by itself: neither nested, nor encoded, nor a type of someone else's."""
    types = pa.types
    return bool(
        types.is_primitive(kind)
        or types.is_null(kind)
        or types.is_decimal(kind)
        or types.is_fixed_size_binary(kind)
        or _is_text(kind)
        or _is_view(kind)
    )


def decoded_bytes(batch: pa.RecordBatch) -> int:
    """The bytes of a batch whose columns are plain, or dictionaries of plain values, once nothing is encoded any more.

    Raises pa.ArrowException or ValueError where lengths or indices make no sense.
    """
    return sum(_bytes_of(column) for column in batch.columns)


def _bytes_of(column: pa.Array) -> int:
    if isinstance(column.type, pa.DictionaryType):
        each = _lengths(column.dictionary)
        found = pc.sum(pc.take(each, column.indices)).as_py()
        return int(column.nbytes) + int(found or 0)
    if _is_view(column.type):
        return int(column.nbytes) + int(pc.sum(_lengths(column)).as_py() or 0)
    return int(column.nbytes)


def _lengths(values: pa.Array) -> pa.Array:
    """The bytes of each value."""
    if _is_view(values.type):
        lengths = _view_lengths(values)
    elif _is_text(values.type):
        lengths = pc.binary_length(values).cast(pa.int64())
    else:
        width = 1 if pa.types.is_null(values.type) else max(1, values.type.bit_width // 8)
        lengths = pa.array(np.full(len(values), width, dtype=np.int64))
    if len(lengths) and (pc.min(lengths).as_py() or 0) < 0:
        raise ValueError("a text has a negative length")
    return lengths


def _view_lengths(values: pa.Array) -> pa.Array:
    (_, views, *_) = values.buffers()
    if not len(values) or views is None:
        return pa.array([], pa.int64())
    words: np.ndarray[Any, np.dtype[np.int32]] = np.frombuffer(views, "<i4")[:: VIEW_BYTES // 4]
    lengths = words[values.offset : values.offset + len(values)].astype(np.int64)
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    return pa.array(np.where(valid, lengths, 0))


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)
    )


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))
