"""The judge of trials at work: what the gate and people make of a trial, over what was published."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from tests.support.models.toy_models import publish_toy
from tests.unit.trainer.fixtures import SPEC, finished, serving
from tests.unit.trainer.release.test_published import published
from tests.unit.trainer.release.trial_fixtures import CANARY, KNOWN, command, report
from tidemill.access.migrate import migrate_access
from tidemill.access.storage.audit import acts
from tidemill.clock import FixedClock
from tidemill.contracts.events.platform import ModelRef, ModelRelease, ModelVersion
from tidemill.contracts.events.trials import ArmReport
from tidemill.contracts.model_file import Release
from tidemill.stats.score_bins import score_bins
from tidemill_learning.release.policy import Plan, TrialDecision
from tidemill_trainer.release.audit import ReleaseAudit
from tidemill_trainer.release.commands import release_of_command
from tidemill_trainer.release.plans import plan_of
from tidemill_trainer.release.published import Published
from tidemill_trainer.release.transitions import NotReleased, release_of_decision, release_of_run
from tidemill_trainer.release.trial.evaluator import TrialEvaluator
from tidemill_trainer.release.trial.evidence import Trial
from tidemill_trainer.release.trial.vetting import Unfit, expected_scores, vetted


class Follower:
    """In the place of what reads the topics."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.caught_up = True
        self.closed = False
        self.coming: list[ArmReport] = []

    def poll(self) -> None:
        for one in self.coming:
            self.trial.add_report(one)

    def close(self) -> None:
        self.closed = True


class World:
    """A judge over what was published, with a clock that is set."""

    def __init__(self) -> None:
        self.published: Published = published()
        self.clock = FixedClock(1_000)
        self.followers: list[Follower] = []
        canary = Release(mode="canary", hold=timedelta(seconds=1), labels=0)
        specs = {"tide": replace(SPEC, release=canary)}
        self.judge = TrialEvaluator(specs, self.published, self._follow, self.clock, self._vet)  # type: ignore[arg-type]
        self.unfit = False
        self.plan = plan_of(specs["tide"])
        self.note(release_of_run(None, finished(1), 0, self.plan))
        self.note(release_of_run(self.published.current("tide"), finished(2), 1_000, self.plan))

    def _follow(self, trial: Trial) -> Follower:
        self.followers.append(Follower(trial))
        return self.followers[-1]

    def _vet(self, version: ModelRef, task: str) -> Counter[int]:
        assert (version.version, task) == (2, "binary")
        if self.unfit:
            raise Unfit("version 2 is unfit to serve: its golden rows differ")
        return Counter()

    def note(self, release: ModelRelease) -> None:
        self.published.note(release)


def test_what_a_version_answered_on_held_out_rows_is_expected_of_it() -> None:
    quantiles = [float(q) for q in np.linspace(0.2, 0.4, 101)]
    found = expected_scores({"predictions": {"quantiles": quantiles, "count": 500}}, "binary")
    low, high = score_bins("binary", np.array([0.2, 0.4]))
    assert sum(found.values()) == 500 and min(found) == low and max(found) in (high - 1, high)
    assert expected_scores({}, "binary") == expected_scores({"predictions": {"shares": {}}}, "multiclass") == {}


def test_the_gate_takes_a_quiet_challenger_to_the_top_in_three_steps() -> None:
    world = World()
    assert world.judge.look() == []
    shares = []
    for epoch in (2, 3, 4):
        world.followers[0].coming.append(report(epoch, epoch))
        world.clock.advance(1_000)
        (release,) = world.judge.look()
        world.note(release)
        shares.append((release.action, release.published.challenger_share))
    assert shares == [("advanced", 0.5), ("advanced", 1.0), ("promoted", 0.0)]
    assert world.judge.look() == [] and world.followers[0].closed and len(world.followers) == 1


def test_the_gate_takes_out_a_challenger_that_fails_without_waiting_and_says_why() -> None:
    world = World()
    world.judge.look()
    world.followers[0].coming.append(report(1, failed=10))
    (release,) = world.judge.look()
    assert release.action == "rolled_back" and "10 of 200 records without an answer" in release.reason
    errors = release.evidence[0]
    assert (errors.detector, errors.kind, errors.statistic, errors.threshold) == ("errors", "gate", 0.05, 0.001)


def test_a_challenger_that_nobody_can_serve_is_taken_out_at_once() -> None:
    world = World()
    world.unfit = True
    (release,) = world.judge.look()
    assert (release.action, release.published.champion.version) == ("rolled_back", 1)
    assert "golden rows differ" in release.reason and release.evidence[0].detector == "artifact"
    assert world.followers == []


def test_an_artifact_is_vetted_as_by_a_worker(tmp_path: Path) -> None:
    good = publish_toy(tmp_path.as_uri(), "tide", 1, feature="wind", start_offsets=()).champion
    assert vetted(good, "binary") == Counter()
    for broken in (
        publish_toy(tmp_path.as_uri(), "tide", 2, feature="wind", start_offsets=(), golden_shift=0.1).champion,
        replace(good, manifest_digest="0" * 64),
    ):
        with pytest.raises(Unfit, match="unfit to serve"):
            vetted(broken, "binary")


def test_nothing_is_decided_before_all_evidence_has_been_read() -> None:
    world = World()
    world.judge.look()
    world.followers[0].caught_up = False
    world.followers[0].coming.append(report(1, failed=10))
    assert world.judge.look() == []


def test_an_approval_counts_for_its_trial_alone() -> None:
    world = World()
    approved = ModelRelease.from_dict(
        {**release_of_run(serving(1, 1), finished(2), 7, CANARY).to_dict(), "release_id": "a", "action": "approved"}
    )
    world.note(approved)
    assert world.published.approved("tide")
    world.note(release_of_run(world.published.current("tide"), finished(3), 9, world.plan))
    assert not world.published.approved("tide")
    assert world.published.trial("tide") is not None


MOVES = st.sampled_from([
    *(("run", version) for version in range(1, 6)),
    *(("command", (action, version)) for action in ("approve", "promote", "reject", "rollback")
      for version in (None, 1, 2, 3)),
    *(("gate", move) for move in ("advance", "promote", "roll_back", "wait")),
])  # fmt: skip


@given(st.lists(MOVES, max_size=25), st.sampled_from(["direct", "shadow", "canary", "blue_green", "ab"]), st.booleans())
def test_whatever_comes_epochs_rise_by_one_and_somebody_always_serves(
    moves: list[tuple[str, Any]], mode: Any, approval: bool
) -> None:
    plan = Plan(mode=mode, approval=approval)
    current: ModelVersion | None = None
    for kind, what in moves:
        try:
            if kind == "run":
                release = release_of_run(current, finished(what), 9, plan)
            elif kind == "command":
                release = release_of_command(current, command(*what), None, KNOWN.get, 9, plan)
            elif current is not None:
                release = release_of_decision(current, TrialDecision(what, "because", share=0.5), 9)
            else:
                continue
        except NotReleased:
            continue
        after = release.published
        if current is None:
            assert after.epoch == 1 and after.challenger is None
        else:
            assert after == current or after.epoch == current.epoch + 1
            assert after.start_offsets == current.start_offsets
        if after.challenger is None:
            assert (after.mode, after.challenger_share) == ("direct", 0.0)
        else:
            assert after.challenger.version != after.champion.version and after.mode == mode
        current = after


def test_each_command_stands_in_the_audit_log_once() -> None:
    engine = create_engine("sqlite://")
    migrate_access(engine)
    audit = ReleaseAudit(engine)
    for _ in range(2):
        audit.note(command("promote", 2), "promoted")
    audit.note(command("reject"), "refused: no")
    newest, oldest = acts(engine)
    assert (oldest.by, oldest.act, oldest.subject, oldest.at) == ("ann", "release.promote", "tide", 1)
    assert oldest.detail["reason"] == "because" and oldest.detail["outcome"] == "promoted"
    assert newest.act == "release.reject"
