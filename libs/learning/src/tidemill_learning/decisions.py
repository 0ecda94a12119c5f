"""From which probability on is `true` the cheaper word? The threshold of a binary model whose wrong decisions have a
stated cost, and what its decisions cost.

Whoever takes decisions apart from probabilities can leave the probabilities honest: no learner is bent to a cost
(Elkan: The foundations of cost-sensitive learning, IJCAI 2001; thresholding by labels: Sheng, Ling: AAAI 2006).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tidemill.artifact.outputs import ONE_HALF
from tidemill.contracts.model_file import DecisionCost

__all__ = ["ONE_HALF", "cheapest_threshold", "decision_costs", "same_for_all", "thresholds_on"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def cheapest_threshold(positive: Flags, scores: Floats, cost: DecisionCost) -> float:
    """The threshold in [0, 1] at which decisions on these rows would have cost least, where `score >= threshold` says
    true. It lies halfway between two neighbouring scores, so that no rounding of a score crosses it; of several that
    cost the same it is the one nearest to what the costs alone say (`bayes_threshold`), as it is without any row.

    `positive` [n]: the truth; `scores` [n]: P(true).

    >>> cheapest_threshold(np.array([False, True, False, True]), np.array([0.1, 0.3, 0.6, 0.9]), DecisionCost(1.0, 4.0))
    0.2
    """
    if not len(scores):
        return cost.bayes_threshold
    values, places = np.unique(np.clip(scores, 0.0, 1.0), return_inverse=True)
    positives, negatives = (np.bincount(places[of], minlength=len(values)) for of in (positive, ~positive))
    missed = np.concatenate([[0], np.cumsum(positives)])
    called = np.concatenate([np.cumsum(negatives[::-1])[::-1], [0]])
    largest = max(cost.false_positive, cost.false_negative)
    total = called * (cost.false_positive / largest) + missed * (cost.false_negative / largest)
    low, high = np.concatenate([[0.0], values]), np.concatenate([values, [1.0]])
    if values[-1] >= 1.0:  # no threshold in [0, 1] lies above it
        total, low, high = total[:-1], low[:-1], high[:-1]
    wanted = cost.bayes_threshold
    cheapest = np.flatnonzero(total == total.min())
    away = np.maximum(low[cheapest] - wanted, wanted - high[cheapest])
    k = cheapest[int(np.argmin(away))]
    middle = low[k] + (high[k] - low[k]) / 2.0
    return float(middle if k == 0 or middle > low[k] else high[k])


def thresholds_on(positive: Flags, scores: Floats, cost: DecisionCost | None) -> float | Floats:
    """By which threshold each of some rows is decided when a model is judged on them: that of the other half of them
    (every second row), so that none is judged by a threshold that its own label has chosen. One half where no cost is
    stated.
    """
    if cost is None:
        return ONE_HALF
    second = np.arange(len(scores)) % 2 == 1
    of_first, of_second = (cheapest_threshold(positive[half], scores[half], cost) for half in (~second, second))
    return np.where(second, of_first, of_second)


def decision_costs(positive: Flags, decided: Flags, cost: DecisionCost) -> Floats:
    """What each decision cost, [n]: 0 where it is right."""
    wrongly_true, wrongly_false = decided & ~positive, ~decided & positive
    return wrongly_true * cost.false_positive + wrongly_false * cost.false_negative


def same_for_all(positive: Flags, cost: DecisionCost) -> Flags:
    """The cheapest decisions of who decides all rows alike, [n]."""
    always = np.ones(len(positive), dtype=np.bool_)
    true, false = (decision_costs(positive, answer, cost).sum() for answer in (always, ~always))
    return always if true < false else ~always
