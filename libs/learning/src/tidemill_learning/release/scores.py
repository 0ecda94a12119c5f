"""Whether two arms answer alike: the largest distance between the distributions of their scores."""

from __future__ import annotations

import math
from collections.abc import Mapping

Counts = Mapping[int, int]
"""Bin (see `tidemill.stats.score_bins`) to how many scores lie in it; bins are in the order of the scores."""


def distance(one: Counts, other: Counts) -> float:
    """The largest difference of the two distribution functions, 0 to 1; 0 where one is empty.

    Kolmogorov, 1933; Smirnov, 1939.

    >>> distance({10: 50, 20: 50}, {10: 20, 20: 80})
    0.3
    """
    n, m = sum(one.values()), sum(other.values())
    if not n or not m:
        return 0.0
    below_one = below_other = 0
    largest = 0.0
    for bucket in sorted({*one, *other}):
        below_one, below_other = below_one + one.get(bucket, 0), below_other + other.get(bucket, 0)
        largest = max(largest, abs(below_one / n - below_other / m))
    return largest


def band(n: int, alpha: float) -> float:
    """Half the width of a band that holds the true distribution function at every n at once, with 1 - alpha.

    Howard, Ramdas: Sequential estimation of quantiles with applications to A/B testing and best-arm
    identification, Bernoulli 28, 2022: 0.85 sqrt((ln ln(e n) + 0.8 ln(1612 / alpha)) / n).
    """
    if n < 1:
        return 1.0
    return min(1.0, 0.85 * math.sqrt((math.log(math.log(math.e * n)) + 0.8 * math.log(1612 / alpha)) / n))


def proven_distance(one: Counts, other: Counts, alpha: float) -> float:
    """A bound that the true distance exceeds, whenever one looks, but for a chance of `alpha`; 0 at first.

    Each arm's band (`band`) has half of alpha (0 to 1); the arms need not be independent.

    >>> proven_distance({1: 5}, {2: 5}, 0.05), proven_distance({1: 5_000}, {2: 5_000}, 0.05) > 0.8
    (0.0, True)
    """
    slack = band(sum(one.values()), alpha / 2) + band(sum(other.values()), alpha / 2)
    return max(0.0, distance(one, other) - slack)
