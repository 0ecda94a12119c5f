"""Who leaves: the log-odds of two worlds, and how one of them turns into the other over a stream.

In the first world it is as in the real table: people of about 55, in Germany, who do nothing with their account. In the
second a rival bank has come for the young and busy ones, in Spain first. About as many leave in both, so that nothing
but labels tells which world it is.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tidemill_bank_churn.customers import COUNTRIES, Customers

Drift = Literal["none", "abrupt", "gradual", "recurring"]
DRIFTS: tuple[Drift, ...] = get_args(Drift)
RECURRING_PARTS = 5
"""Of a recurring drift: the second and the fourth are of the second world."""
GRADUAL_WIDTH = 0.3
"""Of a gradual drift: the share of the stream over which most of the change happens."""

Floats = NDArray[np.float64]

AGES = (18.0, 28.0, 36.0, 44.0, 52.0, 58.0, 66.0, 76.0, 92.0)
BY_AGE = (-2.6, -2.6, -2.15, -0.55, 0.9, 0.85, -0.4, -2.5, -3.0)
YOUNG_FIRST = (1.1, 1.1, 0.2, -0.9, -1.6, -1.6, -1.6, -1.6, -1.6)
"""Log-odds at AGES, in the first world and the second; between them on straight lines."""
BY_PRODUCTS = (0.0, -1.8, 3.5, 6.5)
FEWER_BY_PRODUCTS = (0.0, 0.7, 0.3, 0.3)
"""Log-odds of 1 to 4 products."""
GERMAN, WOMAN, IDLE = 1.0, 0.7, 1.15
SPANISH, BUSY = 1.3, 1.5


def chance_of_leaving(customers: Customers) -> Floats:
    """The probability that each leaves in the first world, [n]."""
    odds = np.interp(customers.age, AGES, BY_AGE) + np.array(BY_PRODUCTS)[customers.products - 1]
    odds += GERMAN * (customers.country == COUNTRIES.index("Germany")) + WOMAN * customers.woman
    return _chance(odds + IDLE * ~customers.active - 1.04)


def chance_after_the_rival(customers: Customers) -> Floats:
    """The same in the second world, [n]."""
    odds = np.interp(customers.age, AGES, YOUNG_FIRST) + np.array(FEWER_BY_PRODUCTS)[customers.products - 1]
    odds += SPANISH * (customers.country == COUNTRIES.index("Spain")) + BUSY * customers.active
    return _chance(odds - 3.1)


def share_of_second(drift: Drift, count: int) -> Floats:
    """How likely each of `count` rows in a row is of the second world, [n].

    >>> share_of_second("abrupt", 4).tolist(), share_of_second("recurring", 5).tolist()
    ([0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0, 0.0])
    """
    place = (np.arange(count) + 0.5) / max(count, 1)
    if drift == "abrupt":
        return np.where(place < 0.5, 0.0, 1.0)
    if drift == "gradual":
        return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (place - 0.5) / GRADUAL_WIDTH)))
    if drift == "recurring":
        return np.floor(place * RECURRING_PARTS) % 2.0
    return np.zeros(count)


def _chance(odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))
