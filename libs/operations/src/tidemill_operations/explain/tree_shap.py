"""Shapley values of an ensemble of trees for one row, exact: path-dependent TreeSHAP (Lundberg, Erion and Lee:
Consistent individualized feature attribution for tree ensembles, 2018).

The game that is played: a set S of columns is known. A tree's answer to it goes down both sides of a split on a column
that is not known, each by the share of the training's rows that went there. The answer to all columns is the score, the
answer to none the mean of the training, and each column gets its Shapley value of the difference.

A leaf adds `value * prod(one if its column is known else zero)` over the columns on its path: `one` says whether the
row itself goes that way, `zero` which share of the rows does. That product is a game of its own, so all leaves are
solved at once, as arrays, by polynomials in the number of columns known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LeafPath:
    """The way to a leaf, each column once. `zero`: share of the rows that meet all its splits on that column; `one`:
    whether the explained row does.
    """

    value: float
    columns: tuple[int, ...]
    zero: tuple[float, ...]
    one: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """`base`: the answer where nothing is known; `columns`: what each adds, float64 [width]; `score`: the sum of the
    leaves that the row reaches, which is `base` and all of `columns` together.
    """

    base: float
    columns: Floats
    score: float


def shapley(paths: Sequence[LeafPath], width: int, constant: float = 0.0) -> Shares:
    """Exact but for rounding; no term is ever subtracted from another within a leaf. `constant` is added to the score
    of every row.
    """
    shares = np.zeros(width)
    base = score = constant
    by_length: dict[int, list[LeafPath]] = {}
    for path in paths:
        by_length.setdefault(len(path.columns), []).append(path)
    for length, alike in sorted(by_length.items()):
        values = np.array([path.value for path in alike])
        zero = np.array([path.zero for path in alike]).reshape(len(alike), length)
        one = np.array([path.one for path in alike], dtype=np.float64).reshape(len(alike), length)
        base += float(np.sum(values * zero.prod(axis=1)))
        score += float(np.sum(values * one.prod(axis=1)))
        columns = np.array([path.columns for path in alike], dtype=np.int64).reshape(len(alike), length)
        for at in range(length):
            np.add.at(shares, columns[:, at], values * _marginal(zero, one, at))
    return Shares(base, shares, score)


def _marginal(zero: Floats, one: Floats, at: int) -> Floats:
    """Shapley value of the column at a place in the product game of each leaf, [leaves]. With `n` columns, those known
    beside it weigh `k! (n - 1 - k)! / n!` where they are k.
    """
    leaves, n = zero.shape
    known = np.zeros((leaves, n))
    known[:, 0] = 1.0  # coefficient of t^k in prod(zero + one * t): the sum over sets of k known columns
    for other in range(n):
        if other == at:
            continue
        known[:, 1:] = known[:, 1:] * zero[:, other, None] + known[:, :-1] * one[:, other, None]
        known[:, 0] *= zero[:, other]
    weights = np.array([factorial(k) * factorial(n - 1 - k) / factorial(n) for k in range(n)])
    gained: Floats = (one[:, at] - zero[:, at]) * (known @ weights)
    return gained
