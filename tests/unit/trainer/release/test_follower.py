"""How trials begin, what decisions and commands make of them, and what is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.trainer.fixtures import finished, reference, serving
from tests.unit.trainer.release.trial_fixtures import CANARY, command, commanded, profile, report, trial
from tidemill.contracts.events.platform import ModelVersion
from tidemill_learning.release.policy import TrialDecision
from tidemill_trainer.release.commands import refused
from tidemill_trainer.release.transitions import NotReleased, release_of_decision, release_of_run
from tidemill_trainer.release.trial.evidence import Trial


def test_a_new_version_goes_on_trial_where_the_model_file_asks_for_it() -> None:
    began = release_of_run(serving(1, 1), finished(2), 7, CANARY)
    assert began.action == "started"
    version = began.published
    assert (version.epoch, version.mode, version.champion.version, version.challenger_share) == (2, "canary", 1, 0.05)
    assert version.challenger == reference(2)
    assert release_of_run(None, finished(1), 7, CANARY).action == "promoted", "there is nothing to compare it with"


def test_a_newer_version_takes_the_place_of_the_challenger() -> None:
    found = release_of_run(trial(0.5), finished(3), 7, CANARY)
    assert found.published.challenger == reference(3) and found.published.challenger_share == 0.05
    assert "takes the place of version 2" in found.reason
    with pytest.raises(NotReleased, match="not newer than 2"):
        release_of_run(trial(), finished(2), 7, CANARY)


def test_the_gate_moves_the_share_ends_the_trial_or_takes_the_challenger_out() -> None:
    on = release_of_decision(trial(), TrialDecision("advance", "quiet", share=0.5), 9)
    assert (on.action, on.published.challenger_share, on.published.epoch, on.by) == ("advanced", 0.5, 3, "gate")
    end = release_of_decision(trial(1.0), TrialDecision("promote", "quiet"), 9)
    assert (end.action, end.published.champion.version, end.published.challenger) == ("promoted", 2, None)
    out = release_of_decision(trial(), TrialDecision("roll_back", "errors"), 9)
    assert (out.action, out.published.champion.version, out.published.challenger) == ("rolled_back", 1, None)
    assert out.published.start_offsets == trial().start_offsets
    with pytest.raises(NotReleased):
        release_of_decision(trial(), TrialDecision("wait", "held"), 9)


def test_a_decision_of_one_step_has_one_id() -> None:
    one, other = (release_of_decision(trial(), TrialDecision("promote", "x"), at) for at in (9, 10))
    assert one.release_id == other.release_id
    assert one.release_id != release_of_decision(trial(epoch=3), TrialDecision("promote", "x"), 9).release_id


def test_people_end_a_trial_either_way() -> None:
    assert commanded(trial(), "promote").published.champion.version == 2
    for action, expected in (("reject", "rejected"), ("rollback", "rolled_back")):
        found = commanded(trial(), action)
        assert (found.action, found.published.champion.version, found.published.challenger) == (expected, 1, None)
        assert found.published.epoch == 3
    assert commanded(trial(), "reject", 2).published.challenger is None
    assert commanded(trial(), "rollback", 1).action == "rolled_back"
    assert commanded(trial(), "promote", 3).published.champion.version == 3


def test_approval_is_recorded_and_changes_nothing_by_itself() -> None:
    plan = replace(CANARY, approval=True)
    found = commanded(trial(0.0), "approve", plan=plan)
    assert (found.action, found.published) == ("approved", trial(0.0))
    assert commanded(None, "approve", 1, plan).action == "promoted"
    with pytest.raises(NotReleased, match="waits: `tidemill release approve"):
        release_of_run(None, finished(1), 7, plan)
    assert release_of_run(serving(1, 1), finished(2), 7, plan).published.challenger_share == 0.0


@pytest.mark.parametrize(
    ("action", "version", "current", "why"),
    [
        ("approve", None, None, "name the version"),
        ("approve", None, serving(1, 1), "not on trial"),
        ("approve", 3, trial(), "not on trial"),
        ("approve", 2, trial(), "does not wait for approval"),
        ("reject", None, serving(1, 1), "none is on trial"),
        ("promote", 1, trial(), "serves already"),
    ],
)
def test_a_command_that_makes_no_sense_says_why(
    action: str, version: int | None, current: ModelVersion | None, why: str
) -> None:
    with pytest.raises(NotReleased, match=why) as caught:
        commanded(current, action, version)
    if current is not None:
        record = refused(current, command(action, version), str(caught.value))
        assert (record.action, record.published, record.by) == ("refused", current, "ann")


def test_each_report_and_window_counts_once_and_what_belongs_to_another_trial_not_at_all() -> None:
    seen = Trial("tide", 1, 2, 2, 0)
    for one in (report(1), report(1), report(2, epoch=3), report(3, epoch=1), report(4, challenger=5)):
        seen.add_report(one)
    for other in (profile(1), profile(1), profile(2, epoch=1)):
        seen.add_profile(other)
    assert seen.at(3).challenger.rows == 400 and seen.at(3).in_step.rows == 200
    assert (seen.at(2).gains.labels, seen.at(2).gains.blocks) == (20, 1)
