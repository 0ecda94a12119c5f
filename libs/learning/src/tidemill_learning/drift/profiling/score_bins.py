"""Probabilities in bins, and what can be told from the bins of two classes: they add up over partitions.

The bins are equal in log-odds, not in probability, so that a model of rare events (probabilities of 0.001
to 0.02) is seen as sharply as one of common ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 200
LOG_ODDS_LIMIT = 8.0
"""Bins cover log-odds from -8 to 8 (probabilities from 0.0003 to 0.9997); the outer ones take the rest."""

_WIDTH = 2 * LOG_ODDS_LIMIT / BINS
TINY = 1e-12

Counts = NDArray[np.int64]


def bins_of(probabilities: NDArray[np.float64]) -> Counts:
    """The bin of each probability, shape [n], 0 to BINS - 1."""
    p = np.clip(probabilities, TINY, 1 - TINY)
    at = np.floor((np.log(p / (1 - p)) + LOG_ODDS_LIMIT) / _WIDTH)
    return np.clip(at, 0, BINS - 1).astype(np.int64)


def bin_counts(probabilities: NDArray[np.float64]) -> Counts:
    """How many probabilities lie in each bin, shape [BINS]."""
    return np.bincount(bins_of(probabilities), minlength=BINS)


def bin_ends(bins: Counts) -> NDArray[np.float64]:
    """The probability at the upper end of each bin in `bins`; 1 for the last."""
    ends = 1 / (1 + np.exp(LOG_ODDS_LIMIT - (bins + 1) * _WIDTH))
    return np.where(bins >= BINS - 1, 1.0, ends)


def roc_auc(positives: Counts, negatives: Counts) -> float | None:
    """Area under the ROC curve from class counts per bin, 0 to 1; None with one class only.

    Ties within a bin count half (Hanley, McNeil: Radiology 143, 1982).

    >>> roc_auc(np.array([0, 2, 8]), np.array([8, 2, 0]))
    0.98
    """
    n1, n0 = int(positives.sum()), int(negatives.sum())
    if n1 <= 0 or n0 <= 0:
        return None
    below = np.concatenate(([0], np.cumsum(negatives)[:-1]))
    return float((positives * (below + negatives / 2)).sum() / (n1 * n0))


def roc_auc_error(auc: float, n1: float, n0: float) -> float:
    """Standard error of an AUC (0 to 1) over n1 positives and n0 negatives (Hanley, McNeil: Radiology 143, 1982).

    >>> round(roc_auc_error(0.8, 50, 50), 3)
    0.045
    """
    if n1 < 1 or n0 < 1:
        return 1.0
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n1 - 1) * (q1 - auc**2) + (n0 - 1) * (q2 - auc**2)
    return float(np.sqrt(max(variance, 0.0) / (n1 * n0)))
