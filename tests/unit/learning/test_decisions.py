"""The threshold of decisions is the cheapest one there is, and what is judged by it was not chosen on itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.contracts.model_file import DecisionCost
from tidemill_learning.decisions import (
    cheapest_threshold,
    decision_costs,
    same_for_all,
    thresholds_on,
)

ROWS = st.lists(st.tuples(st.booleans(), st.floats(0.0, 1.0)), min_size=1, max_size=40)
COSTS = st.builds(DecisionCost, st.floats(0.01, 1_000.0), st.floats(0.01, 1_000.0))


def rows_of(rows: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([truth for truth, _ in rows]), np.array([score for _, score in rows])


def cost_at(threshold: float, positive: np.ndarray, scores: np.ndarray, cost: DecisionCost) -> float:
    return float(decision_costs(positive, scores >= threshold, cost).sum())


@given(ROWS, COSTS)
def test_no_threshold_costs_less_than_the_one_that_is_found(rows: list[tuple[bool, float]], cost: DecisionCost) -> None:
    positive, scores = rows_of(rows)
    found = cheapest_threshold(positive, scores, cost)
    candidates = {0.0, 1.0, *scores.tolist(), *np.nextafter(scores, 2.0).clip(0.0, 1.0).tolist()}
    least = min(cost_at(one, positive, scores, cost) for one in candidates)
    assert 0.0 <= found <= 1.0
    assert cost_at(found, positive, scores, cost) == pytest.approx(least, rel=1e-12)


@given(ROWS, COSTS)
def test_scores_that_are_rounded_a_little_are_decided_the_same(
    rows: list[tuple[bool, float]], cost: DecisionCost
) -> None:
    positive, scores = rows_of([(truth, round(score, 2)) for truth, score in rows])
    found = cheapest_threshold(positive, scores, cost)
    single = scores.astype(np.float32).astype(np.float64)
    inside = (scores > 0.0) & (scores < 1.0)
    assert ((single >= found) == (scores >= found))[inside].all()


def test_a_dearer_miss_lowers_the_threshold() -> None:
    random = np.random.default_rng(0)
    scores = random.random(5_000)
    positive = random.random(5_000) < scores
    found = [cheapest_threshold(positive, scores, DecisionCost(1.0, dear)) for dear in (0.25, 1.0, 4.0, 19.0)]
    assert found == sorted(found, reverse=True)
    wanted = [DecisionCost(1.0, dear).bayes_threshold for dear in (0.25, 1.0, 4.0, 19.0)]
    assert wanted == [0.8, 0.5, 0.2, 0.05]
    assert found == pytest.approx(wanted, abs=0.1), "honest probabilities are cut where the costs say"


def test_without_rows_the_costs_alone_decide() -> None:
    assert cheapest_threshold(np.array([], dtype=bool), np.array([]), DecisionCost(1.0, 4.0)) == 0.2


def test_of_thresholds_that_cost_the_same_it_is_the_one_nearest_to_what_the_costs_say() -> None:
    positive, scores = np.zeros(4, dtype=bool), np.array([0.1, 0.2, 0.3, 0.4])
    assert cheapest_threshold(positive, scores, DecisionCost(1.0, 1.0)) == pytest.approx(0.7)
    assert cheapest_threshold(~positive, scores, DecisionCost(1.0, 1.0)) == pytest.approx(0.05)


@pytest.mark.parametrize("cost", [DecisionCost(1e308, 1e308), DecisionCost(1e-308, 1e308), DecisionCost(5e-324, 1.0)])
def test_costs_at_the_ends_of_what_a_float_holds_give_a_threshold(cost: DecisionCost) -> None:
    assert 0.0 <= cost.bayes_threshold <= 1.0
    assert 0.0 <= cheapest_threshold(np.array([True, False, True]), np.array([0.2, 0.4, 0.9]), cost) <= 1.0


def test_no_row_is_decided_by_a_threshold_that_its_own_label_has_chosen() -> None:
    random = np.random.default_rng(1)
    scores, positive = random.random(200), random.random(200) < 0.5
    cost = DecisionCost(1.0, 3.0)
    before = np.asarray(thresholds_on(positive, scores, cost))
    for row in range(0, 200, 7):
        other = positive.copy()
        other[row] = ~other[row]
        assert np.asarray(thresholds_on(other, scores, cost))[row] == before[row]
    assert thresholds_on(positive, scores, None) == 0.5


def test_deciding_all_alike_is_the_cheaper_of_both_answers() -> None:
    positive = np.array([True, False, False, False])
    assert not same_for_all(positive, DecisionCost(1.0, 2.0)).any()
    assert same_for_all(positive, DecisionCost(1.0, 4.0)).all()
