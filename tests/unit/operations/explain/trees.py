"""Small random trees, and their Shapley values by definition: every set of columns, one by one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill_operations.explain.ensemble import Ensemble, Key, Split


def random_ensemble(rng: np.random.Generator, width: int, depth: int, trees: int = 2, targets: int = 1) -> Ensemble:
    """Trees of up to `depth`, columns that come again on a way among them; covers of whole numbers, 0 too."""
    made = Ensemble(targets=targets, constants=tuple(rng.normal(size=targets)))

    def grow(tree: int, number: int, left: int, cover: int) -> Key:
        key = (tree, number)
        made.covers[key] = float(cover)
        if not left or rng.random() < 0.15:
            made.leaves[key] = {target: float(rng.normal()) for target in range(targets) if rng.random() < 0.9}
            return key
        part = int(rng.integers(0, cover + 1))
        yes = grow(tree, 2 * number + 1, left - 1, part)
        no = grow(tree, 2 * number + 2, left - 1, cover - part)
        mode = str(rng.choice(["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]))
        threshold = float(rng.integers(-2, 3))
        made.splits[key] = Split(int(rng.integers(width)), mode, threshold, yes, no, bool(rng.integers(2)))
        return key

    made.roots = [grow(tree, 0, depth, int(rng.integers(1, 50))) for tree in range(trees)]
    return made


def random_row(rng: np.random.Generator, width: int) -> NDArray[np.float64]:
    """Whole numbers, so that thresholds are met exactly, and missing ones."""
    row = rng.integers(-3, 4, width).astype(np.float64)
    row[rng.random(width) < 0.2] = np.nan
    return row


def answer(ensemble: Ensemble, row: NDArray[Any], known: frozenset[int], target: int) -> float:
    """Of trees that go both ways, by their covers, where a column is not known."""

    def below(key: Key) -> float:
        split = ensemble.splits.get(key)
        if split is None:
            return ensemble.leaves[key].get(target, 0.0)
        if split.column in known:
            return below(split.yes if split.holds(row) else split.no)
        yes, no = ensemble.covers[split.yes], ensemble.covers[split.no]
        share = yes / (yes + no) if yes + no else 0.5
        return share * below(split.yes) + (1 - share) * below(split.no)

    return ensemble.constant(target) + sum(below(root) for root in ensemble.roots)


def by_definition(value: Callable[[frozenset[int]], float], width: int) -> list[float]:
    """Shapley values of a game of `width` players."""
    shares = []
    for player in range(width):
        others = [one for one in range(width) if one != player]
        total = 0.0
        for size in range(width):
            weight = factorial(size) * factorial(width - size - 1) / factorial(width)
            for chosen in combinations(others, size):
                total += weight * (value(frozenset((*chosen, player))) - value(frozenset(chosen)))
        shares.append(total)
    return shares
