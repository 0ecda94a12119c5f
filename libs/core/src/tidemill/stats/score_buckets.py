"""Scores as places in an order, so that distributions of many processes add up: bins of log-odds, classes, or buckets
of values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOG_ODDS_LIMIT = 8.0
LOG_ODDS_WIDTH = 0.08
TINY = 1e-12
VALUE_FINENESS = math.log(1.05)
"""Values of a regression within 5 % of one another share a bucket."""

NEAR_ZERO = 1e-9

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


def score_buckets(task: str, scores: NDArray[Any]) -> Places:
    """The bucket of each score, shape [n]; buckets are in the order of the scores.

    `scores`: binary, probabilities [n]; multiclass, probabilities [n, classes], of which the likeliest class counts;
    regression, values [n]. All finite.

    >>> score_buckets("binary", np.array([0.001, 0.5, 0.999])).tolist()
    [13, 100, 186]
    """
    if task == "binary":
        return probability_buckets(scores)
    return scores.argmax(axis=1).astype(np.int64) if task == "multiclass" else value_buckets(scores)


def probability_buckets(probabilities: Floats) -> Places:
    """Bins of equal log-odds from -8 to 8, 0 to 199; the outer ones take the rest."""
    p = np.clip(probabilities, TINY, 1 - TINY)
    at = np.floor((np.log(p / (1 - p)) + LOG_ODDS_LIMIT) / LOG_ODDS_WIDTH)
    return np.clip(at, 0, 2 * LOG_ODDS_LIMIT / LOG_ODDS_WIDTH - 1).astype(np.int64)


def value_buckets(values: Floats) -> Places:
    """Buckets by the logarithm of the value, mirrored for negative values, 0 near zero."""
    sizes = np.maximum(np.abs(values), NEAR_ZERO)
    at = 1 + np.floor(np.log(sizes / NEAR_ZERO) / VALUE_FINENESS)
    return np.where(np.abs(values) < NEAR_ZERO, 0, np.sign(values) * at).astype(np.int64)
