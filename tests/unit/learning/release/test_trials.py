"""Whole trials: how often the gate errs. The printed figures are the medians, with 95th percentiles in brackets."""

from __future__ import annotations

import pytest

from tidemill_learning.release.simulation import EQUAL, FAULTS, Scene, Tally, tally, upper_bound


def shown(name: str, found: Tally) -> Tally:
    print(f"{name}: {found.line}")
    return found


def test_two_equal_models_are_rolled_back_in_at_most_one_trial_of_twenty_and_else_promoted() -> None:
    found = shown("A/A", tally(EQUAL, 2_000, seed=1))
    bound = upper_bound(found.ends["roll_back"], found.trials)
    print(f"false rollbacks at most {bound:.2%}")
    assert bound <= 0.05
    assert found.ends["promote"] >= 0.95 * found.trials


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_within_the_labels_in_95_of_100_trials(name: str) -> None:
    scene, _ = FAULTS[name]
    found = shown(name, tally(scene, 100, seed=2))
    assert found.ends["roll_back"] >= 95


def test_a_challenger_that_is_better_is_promoted() -> None:
    found = shown("better by 1 point", tally(Scene(challenger_auc=0.71), 100, seed=3))
    assert found.ends["promote"] >= 95


def test_the_upper_bound_is_clopper_and_pearsons() -> None:
    assert upper_bound(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100), abs=1e-6)
    assert upper_bound(5, 100) == pytest.approx(0.1023, abs=1e-3)
    assert upper_bound(7, 7) == pytest.approx(1.0)
