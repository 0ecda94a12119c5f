"""From the columns of a record batch to the inputs of a model's graph: the one way, in training and in serving.

The graph holds everything that is learned (encoders, medians, the estimator). What is *not* learned stands
here: which column feeds which input, how a null is written, and how a time is read in its zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CATEGORY = "category"
NUMBER = "number"
TIME = "time"

MAX_TEXT = 1_000
"""Bytes in UTF-8 up to which a text is a category. Learners and statistics take all longer ones for the same, never
seen in training; so does every graph that they make, which knows none of them.
"""

TOO_LONG = f"(longer than {MAX_TEXT:,} bytes)"
"""What stands for a longer text where categories are learned or counted."""

EXACT = 2**53
"""Whole numbers up to here are the same numbers as doubles; above, a double stands for several of them."""

Array = np.ndarray[Any, np.dtype[Any]]

_PARTS: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "hour": pc.hour,
    "weekday": pc.day_of_week,
    "month": pc.month,
}


class FeatureLike(Protocol):
    """What this module needs of a feature: `tidemill.contracts.model_file.Feature` has it."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def parts(self) -> Sequence[str]: ...
    @property
    def zone(self) -> str | None: ...


def input_kinds(features: Iterable[FeatureLike]) -> dict[str, str]:
    """The graph's inputs in the order of the model file, each `category` (a string tensor) or `number` (a double, or a
    float in graphs of before).
    """
    kinds: dict[str, str] = {}
    for feature in features:
        if feature.kind == TIME:
            kinds.update((f"{feature.name}_{part}", NUMBER) for part in feature.parts)
        else:
            kinds[feature.name] = feature.kind
    return kinds


def input_names(features: Iterable[FeatureLike]) -> tuple[str, ...]:
    """The names of the graph's inputs, in the order of the model file; a part of a time is `<feature>_<part>`."""
    return tuple(input_kinds(features))


def feature_inputs(rows: pa.RecordBatch | pa.Table, features: Iterable[FeatureLike]) -> dict[str, Array]:
    """The graph's named inputs for *n* rows, each of shape [n, 1].

    category: object array of str, a null is the empty string. number: float64, so that a number and its neighbour stay
    two (integers are exact up to 2^53 and are rounded to the nearest double above); a null, a NaN and an infinity are
    NaN ("missing": what then happens is learned, so the graph does it). time: float64 for each part in the feature's
    zone (UTC if it names none): hour 0-23, weekday 0 = Monday, month 1-12.

    Raises KeyError for a column that is not there, ValueError for an unknown kind or part.
    """
    inputs: dict[str, Array] = {}
    for feature in features:
        column = _column(rows, feature.name)
        inputs.update((name, values.reshape(-1, 1)) for name, values in _inputs_of(column, feature))
    return inputs


def short_texts(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column of categories as text, with `TOO_LONG` for what is longer than `MAX_TEXT` bytes; nulls stay."""
    text = column if pa.types.is_string(column.type) else column.cast(pa.large_string())
    long = pc.greater(pc.binary_length(text), MAX_TEXT)
    return pc.if_else(long, TOO_LONG, text).cast(pa.string()) if pc.any(long).as_py() else text.cast(pa.string())


def rounded(rows: pa.RecordBatch | pa.Table, features: Iterable[FeatureLike]) -> dict[str, int]:
    """Of each number feature whose column holds whole numbers, how many of these no double is exactly: in
    `feature_inputs` they are the nearest one. Features without such a value are left out.
    """
    found: dict[str, int] = {}
    for feature in features:
        column = rows.column(feature.name) if feature.kind == NUMBER else None
        if column is None or not pa.types.is_integer(column.type) or column.null_count == len(column):
            continue
        ends = pc.min_max(column).as_py()
        if ends["min"] >= -EXACT and ends["max"] <= EXACT:
            continue
        values = pc.drop_null(column).to_pylist()
        found[feature.name] = sum(int(float(value)) != value for value in values)
    return {name: count for name, count in found.items() if count}


def _column(rows: pa.RecordBatch | pa.Table, name: str) -> pa.Array:
    if rows.schema.get_field_index(name) < 0:
        raise KeyError(f"the rows have no column {name!r}")
    column = rows.column(name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _inputs_of(column: pa.Array, feature: FeatureLike) -> Iterator[tuple[str, Array]]:
    if feature.kind == CATEGORY:
        yield feature.name, _strings(column)
    elif feature.kind == NUMBER:
        yield feature.name, _floats(column)
    elif feature.kind == TIME:
        local = _local(column, feature.zone or "UTC")
        for part in feature.parts:
            if part not in _PARTS:
                raise ValueError(f"feature {feature.name!r}: no part {part!r} in a time")
            yield f"{feature.name}_{part}", _floats(_PARTS[part](local))
    else:
        raise ValueError(f"feature {feature.name!r}: unknown kind {feature.kind!r}")


def _strings(column: pa.Array) -> Array:
    text = column if pa.types.is_string(column.type) else column.cast(pa.string())
    full = pc.fill_null(text, "") if text.null_count else text
    strings: Array = full.to_numpy(zero_copy_only=False)
    return strings


def _floats(column: pa.Array) -> Array:
    if not pa.types.is_floating(column.type) and not pa.types.is_integer(column.type):
        column = column.cast(pa.float64())
    values: Array = column.to_numpy(zero_copy_only=False)  # a null becomes NaN, in float64 where they were integers
    floats = values.astype(np.float64)
    floats[np.isinf(floats)] = np.nan
    return floats


def _local(column: pa.Array, zone: str) -> pa.Array:
    """Wall time in `zone`. An instant without a zone is read as UTC.

    Arrow applies the transitions that the system's time zone files list, which end in 2037: from 2038 on,
    and in training and serving alike, there is no daylight saving.
    """
    if getattr(column.type, "tz", None) is None:
        column = pc.assume_timezone(column.cast(pa.timestamp("ms")), "UTC")
    return pc.local_timestamp(column.cast(pa.timestamp("ms", tz=zone), safe=False))
