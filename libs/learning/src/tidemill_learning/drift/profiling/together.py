"""How features hang together: rank correlations of the pairs of a window, over a sample that does not depend on how the
window was read.

Features that are held one by one do not show a change that turns only the dependence between them. Ranks are blind to
what happens to a feature alone, so what they show is that dependence. Sums of ranks are whole numbers: the same rows
give the same correlations to the last bit, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidemill.contracts.events.profiles import RankCorrelations
from tidemill.rows.features import short_texts

KEPT = 1_000
"""Rows of a window (and partition) that are ranked: a correlation is known to .03 then."""

LEAST = 30
"""Rows from which a correlation is told."""

MOST_FEATURES = 50
"""The first of the model file; pairs grow with the square."""

SCALE = 10_000
"""Correlations are told in whole ten-thousandths."""

Floats = NDArray[np.float64]


class RowSample:
    """The rows of a window whose offsets hash lowest, at most `KEPT`: the same whatever batches they came in (bottom-k
    sample: Cohen, Kaplan: Summarizing Data using Bottom-k Sketches, PODC 2007).

    >>> one, other = RowSample(), RowSample()
    >>> rows, offsets = pa.table({"x": np.arange(3_000.0)}), np.arange(3_000)
    >>> one.add(offsets, rows)
    >>> for start in (2_000, 0, 1_000):
    ...     other.add(offsets[start : start + 1_000], rows.slice(start, 1_000))
    >>> one.rows.num_rows, one.rows.sort_by("x").equals(other.rows.sort_by("x"))
    (1000, True)
    """

    def __init__(self) -> None:
        self._hashes = np.zeros(0, dtype=np.uint64)
        self._rows: pa.Table | None = None

    @property
    def rows(self) -> pa.Table:
        """The rows of the sample, in any order."""
        return self._rows if self._rows is not None else pa.table({})

    def add(self, offsets: NDArray[np.int64], rows: pa.Table) -> None:
        """Take in rows with their offsets, each once."""
        hashes = _mixed(offsets)
        if len(self._hashes) == KEPT:
            lower = np.flatnonzero(hashes < self._hashes.max())
            hashes, rows = hashes[lower], rows.take(pa.array(lower))
        together = rows if self._rows is None else pa.concat_tables([self._rows, rows])
        all_hashes = np.concatenate((self._hashes, hashes))
        if len(all_hashes) > KEPT:
            lowest = np.argpartition(all_hashes, KEPT - 1)[:KEPT]
            all_hashes, together = all_hashes[lowest], together.take(pa.array(lowest))
        self._hashes, self._rows = all_hashes, together


def rank_correlations(rows: pa.Table, numbers: Sequence[str], categories: Sequence[str]) -> RankCorrelations | None:
    """Spearman's correlation of every pair of features; None of too few rows, or where fewer than two features vary.

    Equal values share a rank, nulls (and what is no finite number) stand below all, categories in the order of their
    texts. Of each feature that takes one value alone nothing is told.
    """
    if rows.num_rows < LEAST:
        return None
    names = [*numbers, *categories][:MOST_FEATURES]
    ranks = {name: _ranks(_values(rows.column(name), text=name in categories)) for name in names}
    varied = [name for name in names if ranks[name].any()]
    if len(varied) < 2:
        return None
    matrix = np.stack([ranks[name] for name in varied])
    products = matrix @ matrix.T  # of whole numbers far below 2^53: exact in any order
    spread = np.sqrt(np.diagonal(products))
    upper = np.triu_indices(len(varied), 1)
    found = np.rint(SCALE * products[upper] / (spread[upper[0]] * spread[upper[1]])).astype(np.int64)
    return RankCorrelations(rows=rows.num_rows, features=tuple(varied), correlations=tuple(found.tolist()))


def _values(column: pa.ChunkedArray, *, text: bool) -> Floats:
    if text:
        words = short_texts(column).combine_chunks().dictionary_encode()
        order = np.argsort(np.argsort(np.array(words.dictionary.to_pylist(), dtype=object))).astype(np.float64)
        ranked: Floats = np.append(order, -1.0)[words.indices.fill_null(-1).to_numpy()]
        return ranked
    values = pc.fill_null(column.cast(pa.float64(), safe=False), -np.inf).to_numpy()
    return np.where(np.isfinite(values), values, -np.inf)


def _ranks(values: Floats) -> Floats:
    """Twice the middle rank of each value, less its mean: whole numbers."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (2 * ends - counts - len(values)).astype(np.float64)[places]


def _mixed(offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A hash of each offset (the finaliser of SplitMix64: Steele, Lea, Flood, OOPSLA 2014)."""
    mixed = offsets.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
