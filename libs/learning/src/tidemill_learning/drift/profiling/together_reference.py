"""How the features of what a version learned from hang together, and by how much that varies: what windows are held
against.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill_learning.drift.detection.shift_detectors import SIGMAS
from tidemill_learning.drift.profiling.together import KEPT, SCALE, rank_correlations

SMALLEST_PART, MOST_PARTS = 100, 40
LEAST_PARTS = 5
"""Parts in which a pair must vary to be watched."""

WHOLE = 5_000
"""Rows, evenly spaced, from which the correlation over all of the time is told."""

FIELLER = 1.06
"""Variance of the Fisher transform of Spearman's correlation of n rows is this / (n - 3) (Fieller, Hartley, Pearson:
Biometrika 44, 1957).
"""

CHANCE = math.erfc(SIGMAS / math.sqrt(2))

Floats = NDArray[np.float64]


def together_reference(rows: pa.Table, numbers: Sequence[str], categories: Sequence[str]) -> dict[str, Any] | None:
    """The part `together` of a version's reference; None where rows or features are too few.

    `rows` stand in the order of time. Up to forty parts of consecutive rows say how far a correlation varies by itself
    (hours, seasons). A window may be as short as a part or as long as all of it, so `low` and `high`, of the Fisher
    transform of a pair's correlation, reach from the parts' mean to the whole's, and beyond it by what varies.
    `then`: the correlation over the whole. Pairs stand as in `RankCorrelations`; one that is not watched is null.
    """
    size = int(np.clip(rows.num_rows // 20, SMALLEST_PART, KEPT))
    count = min(rows.num_rows // size, MOST_PARTS)
    whole = rank_correlations(_evenly(rows, WHOLE), numbers, categories)
    if count < LEAST_PARTS or whole is None:
        return None
    starts = np.linspace(0, rows.num_rows - size, count).astype(np.int64)
    names = whole.features
    found = [rank_correlations(rows.slice(int(start), size), numbers, categories) for start in starts]
    parts = np.stack(
        [fisher(one.features, one.correlations, names) for one in found if one is not None] or [_none(names)]
    )
    upper = np.triu_indices(len(names), 1)
    low, high = _range(parts[:, upper[0], upper[1]], fisher(names, whole.correlations, names)[upper], size)
    return {
        "features": [*names], "then": [one / SCALE for one in whole.correlations],
        "low": _told(low), "high": _told(high), "rows": rows.num_rows,
    }  # fmt: skip


def fisher(features: Sequence[str], correlations: Sequence[int], names: Sequence[str]) -> Floats:
    """The Fisher transform of correlations (ten-thousandths, of the pairs of `features`) at the places of `names`, a
    matrix [names, names]; NaN where there is none.
    """
    at = {name: place for place, name in enumerate(names)}
    places = np.array([at.get(name, -1) for name in features], dtype=np.int64)
    upper = np.triu_indices(len(features), 1)
    rows, columns = places[upper[0]], places[upper[1]]
    z = np.arctanh(np.clip(np.asarray(correlations, dtype=np.float64) / SCALE, -0.9999, 0.9999))
    known = (rows >= 0) & (columns >= 0)
    found = _none(names)
    found[rows[known], columns[known]] = found[columns[known], rows[known]] = z[known]
    return found


def _range(parts: Floats, whole: Floats, size: int) -> tuple[Floats, Floats]:
    """`parts`: shape [parts, pairs], `whole`: [pairs]. NaN where a pair varies in too few parts."""
    from scipy.stats import t as student  # half a second, for trainings alone

    seen = np.isfinite(parts).sum(axis=0)
    watched = seen >= LEAST_PARTS
    low, high = np.full((2, len(whole)), np.nan)
    values, seen = parts[:, watched], seen[watched]
    mean, variance = np.nanmean(values, axis=0), np.nanvar(values, axis=0, ddof=1)
    by_itself = np.maximum(0.0, variance - FIELLER / (size - 3))
    slack = student.isf(CHANCE / 2, seen - 1) * np.sqrt(by_itself + variance / seen)
    low[watched] = np.minimum(mean, whole[watched]) - slack
    high[watched] = np.maximum(mean, whole[watched]) + slack
    return low, high


def _evenly(rows: pa.Table, most: int) -> pa.Table:
    places = np.unique(np.linspace(0, max(0, rows.num_rows - 1), min(most, rows.num_rows)).astype(np.int64))
    return rows.take(pa.array(places))


def _told(values: Floats) -> list[float | None]:
    return [round(value, 4) if math.isfinite(value) else None for value in values.tolist()]


def _none(names: Sequence[str]) -> Floats:
    return np.full((len(names), len(names)), np.nan)
