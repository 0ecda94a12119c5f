"""The hash that names a data set by what is in it.

It is of values, not of how they are kept: an int and a long, a text and a dictionary of texts, milliseconds and
microseconds of one moment are the same. Rows are taken in the order of their event ids, each of which stands once among
labelled rows, and columns in that of their names: how partitions interleaved makes no difference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_learning.training.labelled import EVENT_ID

FORM = 1
"""Of what is hashed; another one gives other hashes."""


def content_hash(rows: pa.Table) -> str:
    """SHA-256 hex of labelled rows. Every value counts, and whether it is null; NaN is one value, -0.0 is not 0.0."""
    order = pc.sort_indices(rows.column(EVENT_ID))
    digest = hashlib.sha256(json.dumps(["tidemill rows", FORM, rows.num_rows]).encode())
    for name in sorted(rows.column_names):
        column = rows.column(name).take(order).combine_chunks()
        kind, plain = _plain(column)
        digest.update(json.dumps([name, kind]).encode())
        digest.update(np.asarray(pc.is_valid(column)).astype(np.uint8).tobytes())
        for part in _bytes_of(kind, plain):
            digest.update(part)
    return digest.hexdigest()


def _plain(column: pa.Array) -> tuple[str, pa.Array]:
    """The column in the one type of its kind, with what stands for nothing where it is null."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return "truth", pc.fill_null(column, False)
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return "whole", pc.fill_null(column.cast(pa.int64()), 0)
    if pa.types.is_floating(kind):
        return "number", pc.fill_null(column.cast(pa.float64()), 0.0)
    if pa.types.is_timestamp(kind):
        moments = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        return "moment", pc.fill_null(moments, 0)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "bytes", pc.fill_null(column.cast(pa.large_binary()), b"")
    return "text", pc.fill_null(column.cast(pa.large_string()), "")


def _bytes_of(kind: str, column: pa.Array) -> Iterator[bytes | memoryview]:
    if kind in ("bytes", "text"):
        yield np.asarray(pc.binary_length(column)).astype("<i8").tobytes()
        yield b"".join(column.cast(pa.large_binary()).to_pylist())
        return
    values = np.asarray(column.to_numpy(zero_copy_only=False))
    if kind == "number":
        values = np.where(np.isnan(values), np.nan, values).astype("<f8")
    yield values.astype({"truth": "u1", "whole": "<i8", "moment": "<i8"}.get(kind, "<f8")).tobytes()
