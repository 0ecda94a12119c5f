"""What a detector found in one merged window, and the shift detectors: Population Stability Index, share of
nulls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tidemill_learning.drift.profiling.baseline import Comparison

Kind = Literal["feature", "prediction", "quality"]

SHIFTED = 0.25
"""PSI from which a distribution counts as shifted (Siddiqi: Credit Risk Scorecards, 2006).

On the flights, two halves of one population differ by 0.02 at most, weather between seasons by 1 to 9.
"""

NULLS_MOVED = 0.10
"""A share of nulls that moved by ten points is a broken source or another population, not a fluctuation."""

LEAST_VALUES = 100
"""Fewer values than this are not compared."""

SIGMAS = 5.0
"""How far beyond chance a statistic must lie. Many subjects are looked at in many windows: 5 keeps them
quiet together.
"""


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """What a detector measured, and the threshold that it was held against.

    `statistic` and `threshold` have the detector's unit: PSI has none, nulls are a share, adwin's are standard
    deviations of a bucket of 100 labels. `records`: values or labels that it rests on. `subject`: a feature's name, or
    what of the scores or errors.

    >>> DetectorResult("feature", "psi", "distance", 0.4, 0.26, 1_000, "most of all bin 3 of 10").alarm
    True
    """

    kind: Kind
    detector: str
    subject: str
    statistic: float
    threshold: float
    records: int
    detail: str

    @property
    def alarm(self) -> bool:
        """Whether the statistic is beyond its threshold."""
        return self.statistic > self.threshold


def shift(kind: Kind, subject: str, compared: Comparison) -> list[DetectorResult]:
    """PSI, and the change of the share of nulls, of one feature or of the scores; none for too few values."""
    total = compared.count + compared.nulls
    if total < LEAST_VALUES:
        return []
    results = []
    if compared.count >= LEAST_VALUES and compared.reference_count and len(compared.observed) > 1:
        results.append(_psi(kind, subject, compared))
    if kind == "feature":
        results.append(_nulls(subject, compared, total))
    return results


def psi(compared: Comparison) -> float:
    """Population Stability Index: the sum of (a - b) ln(a / b) over the bins' shares.

    Half a value is added to every bin (Jeffreys), so an empty bin does not make it infinite. 0 where nothing moved;
    0.25 and more counts as shifted (Siddiqi: Credit Risk Scorecards, 2006).

    >>> even = np.array([50.0, 50.0])
    >>> psi(Comparison(even, even, 0, 0.0, 100)), round(psi(Comparison(np.array([90.0, 10.0]), even, 0, 0.0, 100)), 2)
    (0.0, 0.85)
    """
    bins, n, m = len(compared.observed), compared.count, compared.reference_count
    a = (compared.observed + 0.5) / (n + 0.5 * bins)
    b = (compared.expected / max(n, 1) * m + 0.5) / (m + 0.5 * bins)
    return float(((a - b) * np.log(a / b)).sum())


def psi_noise(bins: int, n: int, m: int) -> float:
    """What PSI may reach by chance with n and m values.

    PSI / (1/n + 1/m) follows a chi-squared distribution with bins - 1 degrees of freedom where nothing
    changed (Yurdakul: Statistical Properties of Population Stability Index, 2018); this is its mean and
    SIGMAS standard deviations. `bins`: at least 2; `n`, `m`: values of window and reference, at least 1.

    >>> psi_noise(10, 1_000, 1_000) < 0.1 < psi_noise(10, 100, 1_000)
    True
    """
    freedom = max(1, bins - 1)
    return (1 / n + 1 / m) * (freedom + SIGMAS * math.sqrt(2 * freedom))


def _psi(kind: Kind, subject: str, compared: Comparison) -> DetectorResult:
    threshold = SHIFTED + psi_noise(len(compared.observed), compared.count, compared.reference_count)
    at = int(np.argmax(np.abs(compared.observed - compared.expected)))
    seen, expected = compared.observed[at] / compared.count, compared.expected[at] / compared.count
    where = f"most of all bin {at + 1} of {len(compared.observed)}"
    detail = f"{where}: {seen:.0%} of the values where training had {expected:.0%}"
    return DetectorResult(kind, "psi", subject, psi(compared), threshold, compared.count, detail)


def _nulls(subject: str, compared: Comparison, total: int) -> DetectorResult:
    share, reference = compared.nulls / total, compared.reference_nulls
    pooled = (compared.nulls + reference * compared.reference_count) / (total + compared.reference_count)
    error = math.sqrt(pooled * (1 - pooled) * (1 / total + 1 / max(1, compared.reference_count)))
    threshold = max(NULLS_MOVED, SIGMAS * error)
    detail = f"{share:.0%} are null where training had {reference:.0%}"
    return DetectorResult("feature", "nulls", subject, abs(share - reference), threshold, total, detail)
