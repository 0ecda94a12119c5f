"""What the challenger gained on labels that both arms were asked about, as values in [-1, 1].

Both arms score every record of a trial, so each label compares them on the same event, and what makes an
evening hard for one makes it hard for the other. Each value has the same meaning: above 0 the challenger was
better, and its mean is a difference of the task's metric. Bounded values are what a test needs that holds at
any time without assumptions on distributions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

METRICS = {"binary": "roc_auc", "multiclass": "brier", "regression": "nearer"}
"""Task to the name of what is compared."""

OF_EACH_CLASS = 3
"""Labels of the rarer class in a block. Fewer make a block's AUC noisy, more leave too few blocks for bets, of
which none may stake more than all. With 3, two points of AUC are found in time where one label in twenty is true;
with 5, only where one in five is (`simulation` shows it).
"""


def auc_gains(labels: Sequence[bool], champion: Sequence[float], challenger: Sequence[float]) -> list[float]:
    """Differences of ROC AUC (challenger - champion) in consecutive blocks of labels; aligned sequences [n].

    A block ends once it has `OF_EACH_CLASS` labels of either class; labels after the last whole block count
    nothing. Where it ends follows from labels alone, so that the mean of each difference, given the labels, is
    the difference of the two AUCs (a U-statistic of the block: Hoeffding, Annals of Mathematical Statistics 19, 1948).

    >>> labels = [True, False] * 3
    >>> auc_gains(labels, [0.5] * 6, [0.9, 0.1] * 3)
    [0.5]
    """
    gains: list[float] = []
    positives: list[int] = []
    negatives: list[int] = []
    for at, positive in enumerate(labels):
        (positives if positive else negatives).append(at)
        if len(positives) >= OF_EACH_CLASS and len(negatives) >= OF_EACH_CLASS:
            gains.append(_auc(challenger, positives, negatives) - _auc(champion, positives, negatives))
            positives, negatives = [], []
    return gains


def _auc(scores: Sequence[float], positives: Sequence[int], negatives: Sequence[int]) -> float:
    """Share of pairs of a positive and a negative in the right order; ties count half.

    In plain Python: blocks are too small for arrays to pay.
    """
    below = sorted([scores[at] for at in negatives])
    right = 0
    for at in positives:
        score = scores[at]
        right += bisect_left(below, score) + bisect_right(below, score)
    return right / (2 * len(below) * len(positives))


def brier_gains(
    labels: Sequence[str], champion: Sequence[Mapping[str, float]], challenger: Sequence[Mapping[str, float]]
) -> list[float]:
    """Per label: by how much the challenger's Brier score, halved to lie in [0, 1], is below the champion's.

    `champion`, `challenger`: probabilities by class. Brier: Monthly Weather Review 78, 1950.

    >>> brier_gains(["a"], [{"a": 0.5, "b": 0.5}], [{"a": 1.0, "b": 0.0}])
    [0.25]
    """
    pairs = zip(labels, champion, challenger, strict=True)
    return [float(np.clip(_brier(label, old) - _brier(label, new), -1, 1)) for label, old, new in pairs]


def _brier(label: str, probabilities: Mapping[str, float]) -> float:
    others = sum(p * p for name, p in probabilities.items() if name != label)
    return min(1.0, 0.5 * ((1 - probabilities.get(label, 0.0)) ** 2 + others))


def nearer_gains(labels: Sequence[float], champion: Sequence[float], challenger: Sequence[float]) -> list[float]:
    """Per label: 1 where the challenger's value is nearer to the truth, -1 where it is farther, else 0.

    Errors of a regression have no bound; which arm is nearer needs none and knows no unit (the sign test: Arbuthnot,
    1710).

    >>> nearer_gains([10.0, 10.0], [9.0, 9.0], [9.5, 12.0])
    [1.0, -1.0]
    """
    truth = np.asarray(labels, dtype=np.float64)
    old, new = np.abs(truth - np.asarray(champion)), np.abs(truth - np.asarray(challenger))
    return [float(sign) for sign in np.sign(old - new)]
