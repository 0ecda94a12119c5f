"""Writes evalue_reference.json: what the package `expectation` makes of drawn values. Not run by tests, for the package
needs Python 3.12:

    uv run --no-project --python 3.12 --with expectation==0.6.1 python tests/unit/learning/release/evalue_reference.py
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from expectation.modules.hypothesistesting import Hypothesis, HypothesisType, LikelihoodRatioEValue
from expectation.modules.martingales import ConservativeCombiner

SHARES = [0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9]


def capital(values: list[float], share: float, sign: int) -> float:
    """Logarithm of the e-process that puts `share` of its wealth on each e-value 1 + sign * x."""
    combiner = ConservativeCombiner(share)
    past: list[float] = []
    total = 0.0
    for at, value in enumerate(values, 1):
        e_value = 1 + sign * value
        total += float(combiner.compute_log_increment(e_value, combiner.compute_lambda(past, at)))
        past.append(e_value)
    return total


def ratio(hits: list[int], limit: float, rate: float) -> float:
    """Logarithm of the likelihood ratio of a rate to the limit."""
    null = Hypothesis(name="limit", type=HypothesisType.SIMPLE)

    def density(p: float):
        return lambda data: np.where(data == 1, p, 1 - p)

    return math.log(LikelihoodRatioEValue(null, density(limit), density(rate)).compute(np.array(hits)))


draw = np.random.default_rng(7)
cases = []
for size, mean in ((1, 0.3), (20, -0.2), (200, 0.05), (200, -0.3)):
    values = np.clip(draw.normal(mean, 0.4, size), -1, 1).round(6).tolist()
    cases.append(
        {
            "values": values,
            "above": [capital(values, share, 1) for share in SHARES],
            "below": [capital(values, share, -1) for share in SHARES],
        }
    )
rates = []
for limit, rate, size in ((0.01, 0.05, 150), (0.1, 0.3, 40), (0.02, 0.02 * 1.5, 300)):
    hits = (draw.random(size) < rate).astype(int).tolist()
    top = min(0.99, (1 + limit) / 2)
    bets = [bet for bet in (limit * x for x in (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)) if bet < top] + [top]
    mean = sum(math.exp(ratio(hits, limit, bet)) for bet in bets) / len(bets)
    rates.append({"limit": limit, "hits": sum(hits), "trials": size, "log": math.log(mean)})
target = Path(__file__).with_suffix(".json")
target.write_text(json.dumps({"package": "expectation 0.6.1", "means": cases, "rates": rates}, indent=1) + "\n")
