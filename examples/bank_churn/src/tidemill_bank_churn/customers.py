"""Who comes to the bank: customers drawn one by one from distributions like those of a real table.

The figures are marginal ones of the public table of 10,000 customers that many courses use (docs/examples.md holds
the two side by side); nothing of its rows is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

COUNTRIES = ("France", "Germany", "Spain")
COUNTRY_SHARES = (0.5014, 0.2509, 0.2477)
WOMEN = 0.4543
CREDIT_SCORE = (650.5, 97.0)
"""Mean and standard deviation, before the bank's own limits of 350 and 850."""
CREDIT_LIMITS = (350, 850)
ADULT, OLDEST = 18, 92
YEARS_OVER_18 = (3.96, 5.28)
"""Shape and scale of a gamma distribution: many of 30 to 40, few old ones."""
TENURE_UNKNOWN = 0.0909
NO_BALANCE = 0.483
"""Outside of Germany, where every account has money on it."""
BALANCE = (119_827.0, 30_095.0)
PRODUCTS = ((0.6547, 0.3118, 0.0263, 0.0072), (0.2502, 0.7188, 0.0271, 0.0039))
"""Shares of 1, 2, 3 and 4 products: of customers with a balance, and of those without."""
CARD, ACTIVE = 0.7055, 0.5151
HIGHEST_SALARY = 200_000.0


@dataclass(frozen=True, slots=True)
class Customers:
    """n customers, an array [n] each. `country`: position in COUNTRIES; `tenure`: years, NaN where not known."""

    country: NDArray[np.int64]
    woman: Flags
    credit_score: NDArray[np.int64]
    age: NDArray[np.int64]
    tenure: Floats
    balance: Floats
    products: NDArray[np.int64]
    card: Flags
    active: Flags
    salary: Floats

    def __len__(self) -> int:
        return len(self.country)


def draw_customers(count: int, random: np.random.Generator) -> Customers:
    """So many customers, each drawn for itself."""
    country = random.choice(len(COUNTRIES), size=count, p=COUNTRY_SHARES)
    balance = _balance(country == COUNTRIES.index("Germany"), random)
    tenure = np.round(random.uniform(0.0, 10.0, count))
    tenure[random.random(count) < TENURE_UNKNOWN] = np.nan
    return Customers(
        country=country, woman=random.random(count) < WOMEN, credit_score=_whole(random.normal(*CREDIT_SCORE, count)),
        age=np.minimum(ADULT + np.round(random.gamma(*YEARS_OVER_18, count)).astype(np.int64), OLDEST),
        tenure=tenure, balance=balance, products=_products(balance == 0.0, random),
        card=random.random(count) < CARD, active=random.random(count) < ACTIVE,
        salary=np.round(random.uniform(0.0, HIGHEST_SALARY, count), 2),
    )  # fmt: skip


def _whole(scores: Floats) -> NDArray[np.int64]:
    return np.clip(np.round(scores), *CREDIT_LIMITS).astype(np.int64)


def _balance(german: Flags, random: np.random.Generator) -> Floats:
    money: Any = np.round(np.maximum(random.normal(*BALANCE, len(german)), 1.0), 2)
    nothing = ~german & (random.random(len(german)) < NO_BALANCE)
    return np.where(nothing, 0.0, money)


def _products(without: Flags, random: np.random.Generator) -> NDArray[np.int64]:
    drawn = random.random(len(without))
    ends = np.cumsum(np.array(PRODUCTS), axis=1)[without.astype(np.int64)]
    number: NDArray[np.int64] = np.minimum((drawn[:, None] >= ends).sum(axis=1), 3) + 1
    return number
