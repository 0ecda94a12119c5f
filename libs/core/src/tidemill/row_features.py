"""The inputs of a model's graph from rows instead of columns: for a request of a few rows, where making columns costs
more than all the rest.

It is the other form of `tidemill.features.feature_inputs`, and a property test holds it to the same bits. What it has
no form for (a category that is not text, a time in microseconds) is left to the columns: `fits` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.features import CATEGORY, NUMBER, TIME, Array, FeatureLike, feature_inputs

KEPT_TIMES = 4_096


def fits(columns: pa.Schema, features: Iterable[FeatureLike]) -> bool:
    """Whether rows with these Arrow types have a row form for all the features."""
    return all(_fits(columns.field(feature.name).type, feature.kind) for feature in features)


def row_inputs(data: Sequence[Mapping[str, Any]], features: Iterable[FeatureLike]) -> dict[str, Array]:
    """As `feature_inputs`, for Avro data (times in ms since the epoch) of types that `fits`."""
    inputs: dict[str, Array] = {}
    for feature in features:
        values = [datum[feature.name] for datum in data]
        if feature.kind == CATEGORY:
            texts = np.empty((len(values), 1), dtype=object)
            texts[:, 0] = ["" if value is None else value for value in values]
            inputs[feature.name] = texts
        elif feature.kind == NUMBER:
            inputs[feature.name] = _floats(values)
        else:
            inputs.update(_times(values, feature))
    return inputs


def _fits(kind: pa.DataType, feature: str) -> bool:
    if feature == CATEGORY:
        return bool(pa.types.is_string(kind))
    if feature == NUMBER:
        return bool(pa.types.is_floating(kind) or pa.types.is_signed_integer(kind) or pa.types.is_boolean(kind))
    return feature == TIME and bool(pa.types.is_timestamp(kind)) and kind.unit == "ms"


def _floats(values: list[Any]) -> Array:
    whole = all(type(value) is int for value in values)
    numbers = np.array(
        values if whole else [np.nan if value is None else float(value) for value in values],
        dtype=np.int64 if whole else np.float64,
    )
    with np.errstate(over="ignore"):
        floats = numbers.astype(np.float32).reshape(-1, 1)
    floats[np.isinf(floats)] = np.nan
    return floats


def _times(values: list[int | None], feature: FeatureLike) -> dict[str, Array]:
    parts = tuple(feature.parts)
    rows = [_parts(None if value is None else value // 1_000, feature.name, parts, feature.zone) for value in values]
    columns = np.array(rows, dtype=np.float32).reshape(len(values), len(parts))
    return {f"{feature.name}_{part}": columns[:, at : at + 1] for at, part in enumerate(parts)}


@lru_cache(maxsize=KEPT_TIMES)
def _parts(second: int | None, name: str, parts: tuple[str, ...], zone: str | None) -> tuple[float, ...]:
    """The parts of one second, by the columns' own implementation: no part changes within a second."""
    column = pa.array([None if second is None else second * 1_000], pa.timestamp("ms", tz="UTC"))
    found = feature_inputs(pa.record_batch({name: column}), (_TimeFeature(name, parts, zone),))
    return tuple(float(found[f"{name}_{part}"][0, 0]) for part in parts)


class _TimeFeature:
    kind = TIME

    def __init__(self, name: str, parts: tuple[str, ...], zone: str | None) -> None:
        self.name = name
        self.parts = parts
        self.zone = zone
