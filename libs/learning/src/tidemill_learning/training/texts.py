"""Texts as whole numbers, through Arrow's dictionary: numpy's own text arrays give every row the room of the longest
and drop a NUL at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.rows.features import FeatureLike, short_texts


def distinct(texts: NDArray[np.generic]) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct texts of an array [n], sorted, and for each row the position of its text among them."""
    encoded = pa.array(texts.reshape(-1), pa.large_string()).dictionary_encode()
    found = encoded.dictionary.to_pylist()
    order = sorted(range(len(found)), key=found.__getitem__)
    rank = np.empty(len(found), dtype=np.int64)
    rank[order] = np.arange(len(found))
    return [found[k] for k in order], rank[encoded.indices.to_numpy()]


def codes_of(texts: NDArray[np.generic], known: Mapping[str, float], other: float) -> NDArray[np.float64]:
    """What stands for each text [n] in `known`, and `other` for a text that does not stand there."""
    names, positions = distinct(texts)
    return np.array([known.get(name, other) for name in names], dtype=np.float64)[positions]


def with_short_texts(table: pa.Table, features: Iterable[FeatureLike]) -> pa.Table:
    """The table with every category as text of a bounded length (see `tidemill.rows.features.short_texts`)."""
    for feature in features:
        if feature.kind == "category":
            position = table.schema.get_field_index(feature.name)
            table = table.set_column(position, feature.name, short_texts(table.column(position)))
    return table
