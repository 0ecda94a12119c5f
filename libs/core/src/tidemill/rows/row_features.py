"""The inputs of a model's graph from rows instead of columns: for a request of a few rows, where making columns costs
more than all the rest.

It is the other form of `tidemill.rows.features.feature_inputs`, and a property test holds it to the same bits. What it
has no form for (a category that is not text, a time in microseconds) is left to the columns: `fits` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.rows.features import CATEGORY, NUMBER, TIME, Array, FeatureLike, feature_inputs, input_names

KEPT_TIMES = 4_096


def fits(columns: pa.Schema, features: Iterable[FeatureLike]) -> bool:
    """Whether rows with these Arrow types have a row form for all the features."""
    return all(_fits(columns.field(feature.name).type, feature.kind) for feature in features)


class RowInputs:
    """Makes the inputs for one set of features, of types that `fits`. Stateless after construction."""

    def __init__(self, features: Iterable[FeatureLike]) -> None:
        self._features = tuple(features)
        self._names = input_names(self._features)
        self._numbers = [feature.name for feature in self._features if feature.kind == NUMBER]
        self._take_numbers = itemgetter(*self._numbers) if len(self._numbers) > 1 else None
        self._others = [f for f in self._features if f.kind != NUMBER or self._take_numbers is None]

    def __call__(self, data: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
        """As `feature_inputs`, for Avro data (times in ms since the epoch)."""
        inputs: dict[str, Array] = dict.fromkeys(self._names)  # type: ignore[assignment]
        numbers = self._matrix(data)
        if numbers is not None:
            inputs.update(zip(self._numbers, numbers, strict=True))
        for feature in self._features if numbers is None else self._others:
            inputs.update(_inputs_of([datum[feature.name] for datum in data], feature))
        return inputs

    def _matrix(self, data: Sequence[Mapping[str, Any]]) -> Array | None:
        """All numbers in one array of shape [numbers, rows, 1]; None where there are fewer than two of them a row."""
        if self._take_numbers is None:
            return None
        numbers = np.array([self._take_numbers(datum) for datum in data], dtype=np.float64)
        numbers[np.isinf(numbers)] = np.nan
        return np.ascontiguousarray(numbers.T).reshape(len(self._numbers), -1, 1)


def _inputs_of(values: list[Any], feature: FeatureLike) -> dict[str, Array]:
    if feature.kind == CATEGORY:
        texts = np.empty((len(values), 1), dtype=object)
        texts[:, 0] = ["" if value is None else value for value in values]
        return {feature.name: texts}
    if feature.kind == NUMBER:
        return {feature.name: _floats(values)}
    return _times(values, feature)


def _fits(kind: pa.DataType, feature: str) -> bool:
    if feature == CATEGORY:
        return bool(pa.types.is_string(kind))
    if feature == NUMBER:
        return bool(pa.types.is_floating(kind) or pa.types.is_signed_integer(kind) or pa.types.is_boolean(kind))
    return feature == TIME and bool(pa.types.is_timestamp(kind)) and kind.unit == "ms"


def _floats(values: list[Any]) -> Array:
    floats: Array = np.array(values, dtype=np.float64).reshape(-1, 1)
    floats[np.isinf(floats)] = np.nan
    return floats


def _times(values: list[int | None], feature: FeatureLike) -> dict[str, Array]:
    parts = tuple(feature.parts)
    if len(values) == 1:
        return _parts_of(_second(values[0]), feature.name, parts, feature.zone)
    rows = [_parts(_second(value), feature.name, parts, feature.zone) for value in values]
    columns = np.array(rows, dtype=np.float64).reshape(len(values), len(parts))
    return {f"{feature.name}_{part}": columns[:, at : at + 1] for at, part in enumerate(parts)}


def _second(ms: int | None) -> int | None:
    return None if ms is None else ms // 1_000


@lru_cache(maxsize=KEPT_TIMES)
def _parts_of(second: int | None, name: str, parts: tuple[str, ...], zone: str | None) -> dict[str, Array]:
    """The inputs of one second: shared, so nobody may write to them."""
    found = _parts(second, name, parts, zone)
    inputs = {f"{name}_{part}": np.array([[value]], dtype=np.float64) for part, value in zip(parts, found, strict=True)}
    for values in inputs.values():
        values.setflags(write=False)
    return inputs


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
