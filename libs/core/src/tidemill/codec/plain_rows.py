"""Data of one schema as columns, where every field is of a plain type: some are encoded at a fraction of the cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import pyarrow as pa

from tidemill.codec.layout import Layout

FEWEST = 4
"""Fewer rows are written faster one by one."""

_PLAIN = (pa.types.is_boolean, pa.types.is_int32, pa.types.is_int64, pa.types.is_float64, pa.types.is_string,
          pa.types.is_binary, pa.types.is_timestamp)  # fmt: skip


def plain_columns(data: Sequence[Mapping[str, Any]], layout: Layout) -> pa.RecordBatch | None:
    """The columns of Avro data (times as integers of their unit); None where the rows are few, have a field of another
    kind, or hold a value that is not of its field's type: those are for fastavro to write or to refuse.
    """
    if len(data) < FEWEST or not all(any(fits(field.type) for fits in _PLAIN) for field in layout.arrow):
        return None
    names = layout.arrow.names
    take = itemgetter(*names) if len(names) > 1 else lambda datum: (datum[names[0]],)
    try:
        values = zip(*map(take, data), strict=True)
        columns = [pa.array(column, kind) for column, kind in zip(values, layout.arrow.types, strict=True)]
    except (pa.ArrowException, KeyError, TypeError, OverflowError):
        return None
    return pa.RecordBatch.from_arrays(columns, schema=layout.arrow)
