"""How many bytes a batch takes in its shortest Avro form, from its columns and without writing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.contracts.schemas.avro_types import beside_null

Measure = Callable[[pa.Array], tuple[int, bool]]
"""Bytes of a column's values; and whether a number takes the longest form of its type, which has idle bits: what stood
there may have been a larger number."""

_FIRST_LONGER = 6
"""A variable-length number of one byte holds six bits beside sign and continuation; each further byte seven."""
_LAST_INT, _LAST_LONG = 27, 62
"""Magnitudes from 2 to the power of these fill the fifth byte of an int, the tenth of a long."""
_SMALL_ENUM = 64


def measures_of(schema: Mapping[str, Any]) -> dict[str, Measure] | None:
    """By field of a record schema, what measures its column; None where a field has a type inside of others."""
    found = {field["name"]: _measure(field["type"]) for field in schema["fields"]}
    return None if None in found.values() else found  # type: ignore[return-value]


def shortest_form(rows: pa.RecordBatch, measures: Mapping[str, Measure]) -> tuple[int, bool]:
    """The sum over all rows of the bytes of their shortest binary encoding (Avro specification 1.11); and whether a
    number of the rows may have been a larger one, of which the lowest bits were kept.
    """
    total, in_doubt = 0, False
    for name, measure in measures.items():
        size, full = measure(rows.column(name))
        total, in_doubt = total + size, in_doubt or full
    return total, in_doubt


def _measure(node: Any) -> Measure | None:
    if isinstance(node, list):
        one = beside_null(node)
        inner = _measure(one) if one is not None and len(node) == 2 else None
        if inner is None:
            return None
        return _nullable(inner)
    if isinstance(node, dict):
        if node["type"] == "enum":
            return _fixed(1) if len(node["symbols"]) <= _SMALL_ENUM else None
        return _measure(node["type"])
    return _PLAIN.get(node)


def _nullable(inner: Measure) -> Measure:
    def measure(column: pa.Array) -> tuple[int, bool]:
        size, full = inner(column.drop_null() if column.null_count else column)
        return len(column) + size, full

    return measure


def _fixed(size: int) -> Measure:
    return lambda column: (size * len(column), False)


def _numbers(column: pa.Array) -> tuple[int, bool]:
    if pa.types.is_temporal(column.type):
        column = column.view(pa.int32() if column.type == pa.date32() else pa.int64())
    values = column.to_numpy(zero_copy_only=False)
    size, most = _variable(values ^ (values >> (8 * values.itemsize - 1)))
    return size, bool(most >> (_LAST_INT if values.itemsize == 4 else _LAST_LONG))


def _texts(column: pa.Array) -> tuple[int, bool]:
    sizes = pc.binary_length(column).to_numpy(zero_copy_only=False)
    return int(sizes.sum(dtype=np.int64)) + _variable(sizes)[0], False


def _variable(magnitudes: npt.NDArray[Any]) -> tuple[int, int]:
    """Bytes of all numbers together, and the largest magnitude: the number itself, or -1 less than it where it is
    negative.
    """
    count = len(magnitudes)
    if not count:
        return 0, 0
    least, most, total, bits = int(magnitudes.min()), int(magnitudes.max()), count, _FIRST_LONGER
    while most >> bits:
        longer = count if least >> bits else int(np.count_nonzero(magnitudes >= magnitudes.dtype.type(1 << bits)))
        total, bits = total + longer, bits + 7
    return total, most


_PLAIN: dict[str, Measure] = {
    "null": _fixed(0),
    "boolean": _fixed(1),
    "int": _numbers,
    "long": _numbers,
    "float": _fixed(4),
    "double": _fixed(8),
    "string": _texts,
    "bytes": _texts,
}
