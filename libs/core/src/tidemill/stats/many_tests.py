"""Many tests at once: of a hundred features of which none moved, five have a p-value below 0.05."""

from __future__ import annotations

from collections.abc import Sequence


def adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values (0 to 1) as Benjamini and Hochberg adjust them, in the order given: whoever takes those up to q for real
    is wrong about a share of q of them, in the mean.

    Holds for tests that are independent or depend on one another positively (Benjamini, Hochberg: Controlling the False
    Discovery Rate, Journal of the Royal Statistical Society B 57, 1995; Benjamini, Yekutieli: Annals of Statistics 29,
    2001). The smallest of them is also the p-value of Simes (Biometrika 73, 1986) for "nothing has moved at all".

    >>> [round(p, 3) for p in adjusted([0.01, 0.5, 0.02, 0.04])]
    [0.04, 0.5, 0.04, 0.053]
    """
    total = len(p_values)
    found = [1.0] * total
    least = 1.0
    for place, at in enumerate(sorted(range(total), key=lambda k: -p_values[k])):
        least = min(least, max(p_values[at], p_values[at] * (total / (total - place))))
        found[at] = least
    return found
