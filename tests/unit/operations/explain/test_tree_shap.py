"""Shapley values of trees are those of the definition, and add up."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.operations.explain.trees import answer, by_definition, random_ensemble, random_row
from tidemill_operations.explain.tree_shap import LeafPath, shapley


@pytest.mark.parametrize("seed", range(60))
def test_they_are_those_of_the_definition_on_small_random_trees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 6))
    ensemble = random_ensemble(rng, width, depth=int(rng.integers(0, 6)), targets=2)
    for target in range(2):
        row = random_row(rng, width)
        found = shapley(ensemble.paths(row, target), width, ensemble.constant(target))
        wanted = by_definition(lambda known: answer(ensemble, row, known, target), width)  # noqa: B023 - called here
        assert found.columns == pytest.approx(wanted, abs=1e-12)
        assert found.base == pytest.approx(answer(ensemble, row, frozenset(), target), abs=1e-12)
        assert found.score == pytest.approx(answer(ensemble, row, frozenset(range(width)), target), abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_they_add_up_to_the_score_on_deep_trees_of_many_columns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ensemble, row = random_ensemble(rng, 40, depth=11, trees=20), random_row(rng, 40)
    found = shapley(ensemble.paths(row, 0), 40, ensemble.constant(0))
    assert abs(found.base + found.columns.sum() - found.score) <= 1e-9 * max(1.0, abs(found.score))


def test_a_way_of_forty_columns_loses_no_digit() -> None:
    path = LeafPath(1.0, tuple(range(40)), (0.5,) * 40, (True,) * 40)
    found = shapley([path], 40)
    assert found.columns == pytest.approx([(1 - 0.5**40) / 40] * 40, rel=1e-12)


def test_a_column_that_no_tree_asks_for_adds_nothing_and_a_single_leaf_is_the_base() -> None:
    found = shapley([LeafPath(3.0, (), (), ())], 2, constant=1.0)
    assert (found.base, found.score, found.columns.tolist()) == (4.0, 4.0, [0.0, 0.0])
