"""Features that moved only together: each looks as before, and what they have to do with each other is another thing.

Of every pair the rank correlation is held against what the version learned from (a test of two correlations by
Fisher's transform, of Spearman's after Fieller, Hartley, Pearson: Biometrika 44, 1957). Ranks do not see what a feature
does alone, so that is not told a second time. What ranks cannot see either: dependence without a direction (a circle,
an exclusive or), and of categories what does not show in the order of their texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.drift.detection.shift_detectors import SIGMAS, DetectorResult
from tidemill_learning.drift.profiling.together_reference import FIELLER, fisher

TURNED = 0.2
"""Change of a rank correlation, beyond what is usual, that is worth telling."""

LEAST_ROWS = 100
"""Rows from which a pair is looked at."""

DETECTOR, SUBJECT = "rank-correlation", "pairs of features"

Told = Mapping[str, Any]
"""`RankCorrelations` of a profile, as plain JSON."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two features: their rank correlation `then` (all that the version learned from) and `now`, by how much that lies
    beyond what is usual (`beyond`, 0 where it does not), the rows that it rests on, and whether chance and what
    varies by itself are ruled out.
    """

    one: str
    other: str
    then: float
    now: float
    beyond: float
    rows: int
    sure: bool

    @property
    def turned(self) -> bool:
        """Whether it is worth telling."""
        return self.sure and self.beyond > TURNED


def pairs(reference: Mapping[str, Any], told: Iterable[Told]) -> list[Pair]:
    """Every pair that the reference document knows and of which there are `LEAST_ROWS` rows in the windows that are
    told of; those that lie farthest beyond first. Windows and partitions count by their rows (means of Fisher's
    transform); the levels of each may differ.
    """
    known = reference.get("together")
    if not known:
        return []
    names: Sequence[str] = known["features"]
    sums, weights = np.zeros((2, len(names), len(names)))
    for window in told:
        z = fisher(window["features"], window["correlations"], names)
        there, weight = np.isfinite(z), max(0, window["rows"] - 3)
        sums[there] += weight * z[there]
        weights[there] += weight
    upper = np.triu_indices(len(names), 1)
    low, high = _numbers(known["low"]), _numbers(known["high"])
    weight = weights[upper]
    looked = np.flatnonzero((weight >= LEAST_ROWS) & np.isfinite(low))
    weight, low, high, then = weight[looked], low[looked], high[looked], np.array(known["then"])[looked]
    now = sums[upper][looked] / weight
    usual = np.clip(now, low, high)
    sure = np.abs(now - usual) > SIGMAS * np.sqrt(FIELLER / weight)
    beyond = np.abs(np.tanh(now) - np.tanh(usual))
    found = [
        Pair(names[upper[0][at]], names[upper[1][at]], float(then[k]), float(np.tanh(now[k])), float(beyond[k]),
             round(float(weight[k])), bool(sure[k]))
        for k, at in enumerate(looked.tolist())
    ]  # fmt: skip
    return sorted(found, key=lambda pair: (not pair.sure, -pair.beyond, pair.one, pair.other))


def look(reference: Mapping[str, Any], told: Iterable[Told]) -> list[DetectorResult]:
    """What is found in a merged window, at most one result: the pair that turned most. None where nothing is known."""
    found = pairs(reference, told)
    if not found:
        return []
    most = found[0]
    turned = [pair for pair in found if pair.turned]
    more = f"; so are {len(turned) - 1} other pairs" if len(turned) > 1 else ""
    detail = (
        f"{most.one} and {most.other}: rank correlation {most.now:+.2f} where training had {most.then:+.2f},"
        f" while each may look as before{more}"
    )
    beyond = most.beyond if most.sure else 0.0
    return [DetectorResult("feature", DETECTOR, SUBJECT, beyond, TURNED, most.rows, detail)]


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
