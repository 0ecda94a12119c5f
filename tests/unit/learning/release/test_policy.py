"""The release's modes as a state machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidemill_learning.release.observed import Calls, Observed
from tidemill_learning.release.policy import Plan, TrialDecision, decide
from tidemill_learning.release.sequential_test import harm_tests

HOLD = 60_000
CANARY = Plan(mode="canary", hold_ms=HOLD, labels=100)


def quiet(rows: int = 1_000, labels: int = 0) -> Observed:
    """A trial in which nothing is wrong."""
    seen = Observed()
    seen.note_calls(Calls(rows, 0, rows, 0, rows), Calls(rows, 0, rows, 0, 0), this_step=True)
    seen.note_scores([1, 2], [rows // 2, rows // 2], [rows // 2, rows // 2])
    seen.gains.add(labels, [0.0] * (labels // 10))
    return seen


def move(plan: Plan, share: float, seen: Observed, held: int = HOLD, approved: bool = False) -> TrialDecision:
    return decide(plan, share, seen, held, "roc_auc", approved=approved)


def test_a_canary_goes_through_its_stages_and_then_is_champion() -> None:
    assert (move(CANARY, 0.05, quiet()).move, move(CANARY, 0.05, quiet()).share) == ("advance", 0.5)
    assert (move(CANARY, 0.5, quiet()).move, move(CANARY, 0.5, quiet()).share) == ("advance", 1.0)
    assert move(CANARY, 1.0, quiet(labels=100)).move == "promote"


def test_a_step_lasts_for_its_hold_and_until_the_challenger_was_asked_often_enough() -> None:
    assert move(CANARY, 0.05, quiet(), held=HOLD - 1).move == "wait"
    few = move(CANARY, 0.05, quiet(rows=20))
    assert few.move == "wait" and "100 are needed" in few.reason


def test_the_last_step_waits_for_labels_or_until_a_loss_is_ruled_out() -> None:
    waiting = move(CANARY, 1.0, quiet(labels=50))
    assert waiting.move == "wait" and "50 of 100 labels" in waiting.reason
    plan = replace(CANARY, labels=1_000_000)
    assert move(plan, 1.0, quiet(labels=20_000)).move == "promote", "2,000 blocks without any loss rule one out"
    assert move(replace(CANARY, labels=0), 1.0, quiet()).move == "promote"


@pytest.mark.parametrize("mode", ["shadow", "canary", "blue_green", "ab"])
def test_proof_of_harm_rolls_back_in_every_mode_at_any_time(mode: str) -> None:
    failing = quiet()
    failing.note_calls(Calls(), Calls(100, 0, 100, 10, 5), this_step=True)
    plan = replace(CANARY, mode=mode)  # type: ignore[arg-type]
    found = move(plan, plan.steps[0].share, failing, held=0)
    assert found.move == "roll_back" and "10 of 1100 records without an answer" in found.reason
    assert [f.test for f in found.tests if f.harm] == ["errors"]


def test_a_slow_challenger_is_rolled_back_but_not_where_the_champion_is_as_slow() -> None:
    seen = quiet(0)
    seen.note_calls(Calls(200, 0, 200, 0), Calls(200, 60, 200, 0), this_step=True)
    assert [f.test for f in harm_tests(seen, CANARY.limits, "roc_auc") if f.harm] == ["latency"]
    seen.note_calls(Calls(200, 150, 200, 0), Calls(), this_step=True)
    assert move(CANARY, 0.05, seen).move == "wait", "the machine is slow, not the challenger; nor may it go on"


def test_scores_that_lie_elsewhere_are_harm() -> None:
    seen = quiet()
    seen.note_scores([1, 9], [5_000, 0], [0, 5_000])
    assert [f.test for f in harm_tests(seen, CANARY.limits, "roc_auc") if f.harm] == ["scores"]


def test_scores_that_lie_where_they_lay_on_held_out_rows_are_no_harm() -> None:
    seen = quiet()
    seen.note_scores([1, 9], [5_000, 0], [0, 5_000])
    seen.expected_scores.update({9: 900, 2: 100})
    assert not [f for f in harm_tests(seen, CANARY.limits, "roc_auc") if f.harm]
    seen.expected_scores.clear()
    seen.expected_scores.update({1: 1_000})
    (found,) = [f for f in harm_tests(seen, CANARY.limits, "roc_auc") if f.harm]
    assert found.test == "scores" and "from its own on held-out rows" in found.detail


def test_a_challenger_that_loses_on_labels_is_rolled_back() -> None:
    seen = quiet()
    seen.gains.add(5_000, [-0.1] * 500)
    found = move(CANARY, 1.0, seen)
    assert found.move == "roll_back" and "roc_auc -0.1000" in found.reason


def test_ab_ends_only_with_proof_of_either() -> None:
    plan = replace(CANARY, mode="ab")
    assert [step.share for step in plan.steps] == [0.5]
    assert move(plan, 0.5, quiet(labels=5_000)).move == "wait"
    better = quiet()
    better.gains.add(5_000, [0.1] * 500)
    assert move(plan, 0.5, better).move == "promote"


def test_with_approval_a_person_ends_the_first_step_and_the_gate_the_others() -> None:
    plan = replace(CANARY, approval=True)
    assert [(s.share, s.approval) for s in plan.steps] == [(0.0, True), (0.05, False), (0.5, False), (1.0, False)]
    assert move(plan, 0.0, quiet(), held=10 * HOLD).reason == "a person must approve it"
    approved = move(plan, 0.0, quiet(rows=0), held=0, approved=True)
    assert (approved.move, approved.share) == ("advance", 0.05)
    assert move(replace(plan, mode="direct"), 0.0, quiet(rows=0), held=0, approved=True).move == "promote"
    assert move(replace(plan, mode="blue_green"), 0.0, quiet(), approved=True).share == 1.0
    assert len(replace(plan, mode="shadow").steps) == 1


def test_after_a_change_of_the_stages_a_trial_goes_on_from_the_stage_below() -> None:
    plan = replace(CANARY, stages=(0.1, 0.4, 1.0))
    assert [plan.step_of(share) for share in (0.05, 0.1, 0.3, 0.4, 0.9, 1.0)] == [0, 0, 0, 1, 1, 2]
    assert move(plan, 0.05, quiet()).share == 0.4
    assert move(Plan(), 0.05, quiet()).move == "promote", "direct now: the trial ends"
