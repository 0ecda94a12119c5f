"""Scores in bins that are in the order of the scores, so that distributions of many processes and partitions add up:
bins of log-odds, classes, or bins of a value's logarithm.

Probabilities have bins that are equal in log-odds, not in probability, so that a model of rare events (probabilities
of 0.001 to 0.02) is seen as sharply as one of common ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 200
LOG_ODDS_LIMIT = 8.0
"""Bins cover log-odds from -8 to 8 (probabilities from 0.0003 to 0.9997); the outer ones take the rest."""

TINY = 1e-12
VALUE_FINENESS = math.log(1.05)
"""Values of a regression within 5 % of one another share a bin."""

NEAR_ZERO = 1e-9
_WIDTH = 2 * LOG_ODDS_LIMIT / BINS

Floats = NDArray[np.float64]
Bins = NDArray[np.int64]
"""Numbers of bins, or counts by bin."""


def score_bins(task: str, scores: NDArray[Any]) -> Bins:
    """The bin of each score, shape [n].

    `scores`: binary, probabilities [n]; multiclass, probabilities [n, classes], of which the likeliest class counts;
    regression, values [n]. All finite.

    >>> score_bins("binary", np.array([0.001, 0.5, 0.999])).tolist()
    [13, 100, 186]
    """
    if task == "binary":
        return probability_bins(scores)
    return scores.argmax(axis=1).astype(np.int64) if task == "multiclass" else value_bins(scores)


def probability_bins(probabilities: Floats) -> Bins:
    """The bin of each probability, shape [n], 0 to BINS - 1."""
    p = np.clip(probabilities, TINY, 1 - TINY)
    at = np.floor((np.log(p / (1 - p)) + LOG_ODDS_LIMIT) / _WIDTH)
    return np.clip(at, 0, BINS - 1).astype(np.int64)


def bin_counts(probabilities: Floats) -> Bins:
    """How many probabilities lie in each bin, shape [BINS]."""
    return np.bincount(probability_bins(probabilities), minlength=BINS)


def bin_ends(bins: Bins) -> Floats:
    """The probability at the upper end of each bin in `bins`; 1 for the last."""
    ends = 1 / (1 + np.exp(LOG_ODDS_LIMIT - (bins + 1) * _WIDTH))
    return np.where(bins >= BINS - 1, 1.0, ends)


def value_bins(values: Floats) -> Bins:
    """Bins by the logarithm of the value, mirrored for negative values, 0 near zero."""
    sizes = np.maximum(np.abs(values), NEAR_ZERO)
    at = 1 + np.floor(np.log(sizes / NEAR_ZERO) / VALUE_FINENESS)
    return np.where(np.abs(values) < NEAR_ZERO, 0, np.sign(values) * at).astype(np.int64)
