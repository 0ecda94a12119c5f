"""What probabilities promised, and what came: on the same predictions, once their labels are there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tidemill.stats.confidence import bin_middles, expected_accuracy, expected_roc_auc
from tidemill_learning.drift.detection.quality import Totals

POINTS = 10
"""Of a calibration plot, each of about as many labels."""

Z = 1.96
"""Standard deviations on either side of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Promise:
    """`expected`: accuracy and ROC AUC by the probabilities alone, as they could be told before any label came;
    `found`: the same by the labels. Both of the same `labels` predictions. Metrics that are not defined are missing in
    both.
    """

    labels: int
    expected: dict[str, float]
    found: dict[str, float]


@dataclass(frozen=True, slots=True)
class CalibrationPoint:
    """Of `labels` predictions that said `expected` in the mean, a share `observed` came true; `low` to `high`: where
    that share may lie (95 %).
    """

    expected: float
    observed: float
    low: float
    high: float
    labels: int


def promise(totals: Totals, threshold: float = 0.5) -> Promise | None:
    """What was promised of labelled predictions and what came; None where the errors tell of no promise (regression),
    or correct more than they bring. `threshold`: from which probability on the version says true.

    >>> from tidemill.contracts.events.profiles import ErrorProfile
    >>> from tidemill.stats.score_bins import bin_counts
    >>> from tidemill_learning.drift.labels.error_bins import binary, buckets
    >>> told = [0.8] * 4
    >>> labels = binary([True, True, False, False], told, [1, 2, 3, 4])
    >>> found = promise(Totals([ErrorProfile(source="stream", version=1, arm="champion", count=4,
    ...     buckets=tuple(buckets(labels)), positives=tuple(bin_counts(np.array(told[:2]))),
    ...     negatives=tuple(bin_counts(np.array(told[2:]))))]))
    >>> round(found.expected["accuracy"], 1), found.found["accuracy"]
    (0.8, 0.5)
    """
    n = totals.count
    if n <= 0 or not 0 <= totals.sums["wrong"] <= n or totals.sums["variance"] <= 0:
        return None
    found = {"accuracy": 1 - totals.sums["wrong"] / n}
    if not len(totals.positives):
        return Promise(n, {"accuracy": totals.sums["expected"] / n}, found)
    counts = totals.positives + totals.negatives
    if min(totals.positives.min(), totals.negatives.min()) < 0:
        return None
    accuracy, auc = expected_accuracy(counts, threshold), expected_roc_auc(counts)
    expected = {} if accuracy is None else {"accuracy": accuracy}
    if auc is not None and totals.auc is not None:
        expected, found = {**expected, "roc_auc": auc}, {**found, "roc_auc": totals.auc}
    return Promise(n, expected, found)


def calibration(totals: Totals) -> list[CalibrationPoint]:
    """How often what was told to be so likely came true, in about `POINTS` groups of neighbouring probabilities; none
    without classes. The intervals are Wilson's (Journal of the American Statistical Association 22, 1927).
    """
    if not len(totals.positives) or min(totals.positives.min(), totals.negatives.min()) < 0:
        return []
    counts, middles = totals.positives + totals.negatives, bin_middles()
    total = int(counts.sum())
    if not total:
        return []
    group = np.minimum((np.cumsum(counts) - counts / 2) * POINTS // total, POINTS - 1).astype(np.int64)
    points = []
    for at in range(POINTS):
        here = (group == at) & (counts > 0)
        n = int(counts[here].sum())
        if n:
            told = float((counts[here] * middles[here]).sum()) / n
            points.append(_point(told, int(totals.positives[here].sum()), n))
    return points


def _point(told: float, positives: int, n: int) -> CalibrationPoint:
    share = positives / n
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n * n)) / (1 + Z**2 / n)
    return CalibrationPoint(told, share, max(0.0, middle - reach), min(1.0, middle + reach), n)
