"""How many entities hold each value of a column: what few hold tells who they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Held:
    """`codes`: int64 [rows], which value each row has, -1 for none; `holders`: int64 [values], by how many entities
    each is held.
    """

    codes: npt.NDArray[np.int64]
    holders: npt.NDArray[np.int64]

    @property
    def values(self) -> int:
        """How many different ones there are."""
        return len(self.holders)

    def rare(self, below: int) -> int:
        """How many values fewer entities hold."""
        return int((self.holders < below).sum())

    def rare_rows(self, below: int) -> npt.NDArray[np.bool_]:
        """bool [rows]: whether the row has such a value."""
        if not self.values:
            return np.zeros(len(self.codes), dtype=np.bool_)
        few = self.holders < below
        return np.asarray((self.codes >= 0) & few[np.maximum(self.codes, 0)], dtype=np.bool_)


def held(column: pa.Array, entities: npt.NDArray[np.int64]) -> Held:
    """`entities`: int64 [rows], a number for each entity. Rows whose entity is not known have one number, -1: they may
    all be one's.
    """
    codes = codes_of(column)
    there = codes >= 0
    values = int(codes.max(initial=-1)) + 1
    width = int(entities.max(initial=-1)) + 2
    pairs = np.unique(codes[there] * width + entities[there] + 1)  # each value with each of its holders once
    return Held(codes, np.bincount(pairs // width, minlength=values).astype(np.int64))


def codes_of(column: pa.Array) -> npt.NDArray[np.int64]:
    """int64 [rows]: the same number for the same value, -1 for null."""
    encoded = column.dictionary_encode()
    return np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
