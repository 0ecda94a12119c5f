"""Are two samples of one distribution? The chi-square test of counts by bin, the Kolmogorov-Smirnov test of numbers.

Both take the values of each sample for independent. Values of a stream seldom are (one storm delays a hundred flights),
so a small p-value says that something moved, and never how much: that is for a measure of effect to say.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEAST_EXPECTED = 5.0
"""Values that either sample must expect in a bin (Cochran: Some Methods for Strengthening the Common Chi-Square Tests,
Biometrics 10, 1954); rarer bins are counted together.
"""

TERMS = 100
"""Of the Kolmogorov distribution's series; the tenth is below 1e-9 wherever it matters."""

Counts = NDArray[np.float64]


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(X >= statistic), 0 to 1, of a chi-squared X with `freedom` degrees (1 or more).

    The finite sums for whole degrees of freedom (Abramowitz, Stegun: Handbook of Mathematical Functions, 1964, 26.4.4
    and 26.4.5).

    >>> round(chi_square_tail(3.841, 1), 3), round(chi_square_tail(18.307, 10), 3)
    (0.05, 0.05)
    """
    half, odd = statistic / 2, freedom % 2
    if half <= 0:  # of the smallest number above 0, too
        return 1.0
    powers = [k + odd / 2 for k in range(freedom // 2)]
    terms = [math.exp(a * math.log(half) - half - math.lgamma(a + 1)) for a in powers]
    return min(1.0, math.fsum([*terms, math.erfc(math.sqrt(half)) if odd else 0.0]))


def chi_square(one: Counts, other: Counts) -> tuple[float, float]:
    """The statistic and p-value (0 to 1) of the chi-square test that two samples have the same shares.

    `one`, `other`: values by bin, of the same length [bins]. Bins in which either sample would expect fewer than
    `LEAST_EXPECTED` values are counted together, the rarest first. (0, 1) where less than two bins are left, or a
    sample is empty.

    >>> statistic, p = chi_square(np.array([90.0, 10.0]), np.array([60.0, 40.0]))
    >>> statistic, p < 1e-5
    (24.0, True)
    """
    n, m = float(one.sum()), float(other.sum())
    if n <= 0 or m <= 0:
        return 0.0, 1.0
    a, b = _pooled(one, other, LEAST_EXPECTED * (n + m) / min(n, m))
    if len(a) < 2:
        return 0.0, 1.0
    statistic = float(((a * math.sqrt(m / n) - b * math.sqrt(n / m)) ** 2 / (a + b)).sum())
    return statistic, chi_square_tail(statistic, len(a) - 1)


def kolmogorov_tail(distance: float, n: float, m: float) -> float:
    """The p-value, 0 to 1, of the greatest difference (0 to 1) between the distribution functions of two samples of `n`
    and `m` values, 1 or more each.

    The limit distribution with Stephens's correction for small samples (Journal of the Royal Statistical Society B 32,
    1970). Where values come in steps, or only some places are looked at, the true p-value is smaller still (Noether:
    Elements of Nonparametric Statistics, 1967).

    >>> round(kolmogorov_tail(0.136, 200, 200), 3), kolmogorov_tail(0.0, 200, 200)
    (0.045, 1.0)
    """
    root = math.sqrt(n * m / (n + m))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, TERMS + 1))
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


def _pooled(one: Counts, other: Counts, least: float) -> tuple[Counts, Counts]:
    """Both samples with neighbours in rarity counted together until each bin holds `least` values of the two."""
    pairs: list[tuple[float, float]] = []
    a = b = 0.0
    for k in np.argsort(one + other, kind="stable"):
        a, b = a + float(one[k]), b + float(other[k])
        if a + b >= least:
            pairs.append((a, b))
            a = b = 0.0
    if pairs and a + b > 0:
        pairs[-1] = pairs[-1][0] + a, pairs[-1][1] + b
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
