"""How many bytes a batch takes in its shortest Avro form, from its columns and without writing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Measure = Callable[[pa.Array], int]

_FIRST_LONGER = 6
"""A variable-length number of one byte holds six bits beside sign and continuation; each further byte seven."""
_SMALL_ENUM = 64


def measures_of(schema: Mapping[str, Any]) -> dict[str, Measure] | None:
    """By field of a record schema, what measures its column; None where a field has a type inside of others."""
    found = {field["name"]: _measure(field["type"]) for field in schema["fields"]}
    return None if None in found.values() else found  # type: ignore[return-value]


def shortest_bytes(rows: pa.RecordBatch, measures: Mapping[str, Measure]) -> int:
    """The sum over all rows of the bytes of their shortest binary encoding (Avro specification 1.11)."""
    return sum(measure(rows.column(name)) for name, measure in measures.items())


def _measure(node: Any) -> Measure | None:
    if isinstance(node, list):
        plain = [branch for branch in node if branch != "null"]
        inner = _measure(plain[0]) if len(plain) == 1 and len(node) == 2 else None
        if inner is None:
            return None
        return lambda column: len(column) + inner(column.drop_null() if column.null_count else column)
    if isinstance(node, dict):
        if node["type"] == "enum":
            return len if len(node["symbols"]) <= _SMALL_ENUM else None
        return _measure(node["type"])
    return _PLAIN.get(node)


def _fixed(size: int) -> Measure:
    return lambda column: size * len(column)


def _numbers(column: pa.Array) -> int:
    if pa.types.is_temporal(column.type):
        column = column.view(pa.int32() if column.type == pa.date32() else pa.int64())
    values = column.to_numpy(zero_copy_only=False)
    return _variable(values ^ (values >> (8 * values.itemsize - 1)))


def _texts(column: pa.Array) -> int:
    sizes = pc.binary_length(column).to_numpy(zero_copy_only=False)
    return int(sizes.sum(dtype=np.int64)) + _variable(sizes)


def _variable(magnitudes: npt.NDArray[Any]) -> int:
    """Bytes of all numbers together; a magnitude is the number itself, or -1 less than it where it is negative."""
    count = len(magnitudes)
    if not count:
        return 0
    least, most, total, bits = int(magnitudes.min()), int(magnitudes.max()), count, _FIRST_LONGER
    while most >> bits:
        longer = count if least >> bits else int(np.count_nonzero(magnitudes >= magnitudes.dtype.type(1 << bits)))
        total, bits = total + longer, bits + 7
    return total


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
