"""Evidence that may be looked at after every record: e-processes, the wealth of bets against "no harm".

An e-process begins at 1 and is, as long as its null hypothesis holds, a non-negative supermartingale: the
chance that it *ever* reaches 1/alpha is at most alpha (Ville 1939). So it may be looked at at any time, and
the test may be stopped or continued for any reason. Averages of e-processes are e-processes: each one here is
the average over a fixed grid of bets (a mixture SPRT: Robbins, Annals of Mathematical Statistics 41, 1970), so
its logarithm needs only sums, which add up over partitions and windows in any order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BETS = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
"""Shares of the wealth that are put on each value; below 1, so that no single value can ruin a bet."""

EXCESSES = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Rates that are bet on, in multiples of the limit."""

Floats = NDArray[np.float64]


def _mean_of_exponentials(logs: Floats) -> float:
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).mean()))


class _MeanBets:
    """Bets on which side of `level` the mean of values in [-1, 1] lies: W = prod(1 + stake * (x - level))."""

    def __init__(self, level: float, stakes: Floats) -> None:
        """`level` in (-1, 0]; `stakes`, shape [k]: positive where a high mean is to win, none able to lose it all."""
        if not -1 < level <= 0:
            raise ValueError(f"the level {level} is not in (-1, 0]")
        self._level = level
        self._stakes = stakes
        self._logs = np.zeros(len(stakes))

    def add(self, values: Sequence[float] | Floats) -> None:
        """Take in values, shape [n]. Raises ValueError for one outside [-1, 1]."""
        found = np.asarray(values, dtype=np.float64)
        if not len(found):
            return
        if not (np.abs(found) <= 1).all():
            raise ValueError("a value lies outside [-1, 1]")
        self._logs += np.log1p(np.outer(found - self._level, self._stakes)).sum(axis=0)

    @property
    def log_evidence(self) -> float:
        """Logarithm of the e-value; ln(1/alpha) is proof at level alpha."""
        return _mean_of_exponentials(self._logs)


class MeanBelow(_MeanBets):
    """Evidence that the mean of values in [-1, 1] lies below `level`.

    Betting on a bounded mean (Waudby-Smith, Ramdas: Estimating means of bounded random variables by betting,
    JRSS B 86, 2024). Null: given the past, each value's mean is at least `level`. Nothing else is assumed, so means may
    move from value to value.

    >>> losses = MeanBelow()
    >>> losses.add([-0.2] * 40)
    >>> losses.log_evidence > math.log(1 / 0.05)  # proof at level 5 %
    True
    """

    def __init__(self, level: float = 0.0) -> None:
        """`level` in (-1, 0]: what the bets hold against falling below it."""
        super().__init__(level, -BETS / (1 - level))  # of the largest value, 1 - level, a bet loses at most its share


class MeanAbove(_MeanBets):
    """Evidence that the mean of values in [-1, 1] lies above `level`: the mirror image of `MeanBelow`.

    >>> gains = MeanAbove(-0.02)
    >>> gains.add([0.1, -0.1] * 50)
    >>> gains.log_evidence < math.log(1 / 0.05)  # 100 values do not rule out a loss of 0.02
    True
    """

    def __init__(self, level: float = 0.0) -> None:
        """`level` in (-1, 0]."""
        super().__init__(level, BETS)


def rate_above(limit: float, trials: int, hits: int) -> float:
    """Logarithm of the evidence that a rate exceeds `limit`, after `hits` in `trials`.

    The average likelihood ratio of rates above the limit to the limit itself. Null: given the past, each trial is a hit
    with probability at most `limit` (then each ratio's mean is at most 1). Raises ValueError for a limit that is not in
    (0, 1) or for counts that cannot be. Mixture SPRT: Robbins, Annals of Mathematical Statistics 41, 1970.

    >>> rate_above(0.001, 1_000, 1) < 0 < rate_above(0.001, 1_000, 20)
    True
    """
    if not 0 < limit < 1:
        raise ValueError(f"the limit {limit} is not between 0 and 1")
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits in {trials} trials cannot be")
    top = min(0.99, (1 + limit) / 2)
    rates = np.array([rate for rate in (*(limit * x for x in EXCESSES),) if rate < top] + [top])
    logs = hits * np.log(rates / limit) + (trials - hits) * np.log((1 - rates) / (1 - limit))
    return _mean_of_exponentials(logs)
