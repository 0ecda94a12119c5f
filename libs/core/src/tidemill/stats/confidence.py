"""How good answers are before their labels come: what a calibrated model's own probabilities promise.

Of predictions with probability p a share p comes true, if the model is calibrated. Then accuracy and ranking follow
from the probabilities alone (Guillory et al.: Predicting with Confidence on Unseen Distributions, ICCV 2021). It sees
that cases have become harder, and cannot see that the world answers otherwise than before: that is for labels to say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tidemill.stats.roc_auc import roc_auc
from tidemill.stats.score_bins import BINS, LOG_ODDS_LIMIT

Floats = NDArray[np.float64]


def bin_middles() -> Floats:
    """The probability in the middle (of log-odds) of each bin of `score_bins.probability_bins`, shape [BINS]."""
    width = 2 * LOG_ODDS_LIMIT / BINS
    return np.asarray(1 / (1 + np.exp(LOG_ODDS_LIMIT - (np.arange(BINS) + 0.5) * width)), dtype=np.float64)


def expected_accuracy(counts: NDArray[np.int64], threshold: float = 0.5) -> float | None:
    """The share of decisions that will be right, where a probability of `threshold` and more says true, from how many
    probabilities lie in each bin, shape [BINS]; None without predictions.

    >>> from tidemill.stats.score_bins import bin_counts
    >>> round(expected_accuracy(bin_counts(np.array([0.9, 0.9, 0.3, 0.5]))), 2)
    0.75
    """
    total = float(counts.sum())
    middles = bin_middles()
    right = np.where(middles >= threshold, middles, 1 - middles)
    return float((counts * right).sum()) / total if total > 0 else None


def expected_roc_auc(counts: NDArray[np.int64]) -> float | None:
    """The area under the ROC curve that will be found, from how many probabilities lie in each bin, shape [BINS]; None
    without predictions.

    >>> from tidemill.stats.score_bins import bin_counts
    >>> round(expected_roc_auc(bin_counts(np.array([0.9, 0.1]))), 2), expected_roc_auc(bin_counts(np.array([0.3, 0.3])))
    (0.9, 0.5)
    """
    middles = bin_middles()
    return roc_auc(counts * middles, counts * (1 - middles))
