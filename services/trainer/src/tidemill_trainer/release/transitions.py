"""What a finished run or a decision changes about what serves. Pure: one state in, one release or a refusal out."""

from __future__ import annotations

from dataclasses import replace

from tidemill.contracts.events.platform import Action, Evidence, ModelRef, ModelRelease, ModelVersion, RetrainRun
from tidemill.errors import TidemillError
from tidemill.ids import deterministic_id
from tidemill_learning.release.policy import Plan, TrialDecision
from tidemill_learning.release.sequential_test import HarmTest
from tidemill_trainer.assess.state import OpenTakeover
from tidemill_trainer.assess.words import LABEL_TIME

DIRECT = Plan()
GATE = "gate"

UNREADABLE_CHAMPION = "champion_unreadable"
"""Evidence of a run whose gate had to do without the champion: then a person decides."""


class NotReleased(TidemillError):
    """Nothing changes; the message says why."""


def run_release_id(run_id: str) -> str:
    """The id of the release that a run leads to: the same at every attempt."""
    return deterministic_id("release", "run", run_id)


def takeover_release_id(takeover_id: str) -> str:
    """The id of the release by which a version takes over: the same at every attempt."""
    return deterministic_id("release", "takeover", takeover_id)


def step_release_id(model: str, epoch: int) -> str:
    """The id of the release by which a decision ends the step of this epoch."""
    return deterministic_id("release", GATE, model, epoch)


def release_of_run(current: ModelVersion | None, run: RetrainRun, now_ms: int, plan: Plan = DIRECT) -> ModelRelease:
    """A run that finished and passed its gate is promoted at once (mode *direct*, or nothing serves yet), or its
    version goes on trial: then it takes the place of a challenger that was on trial before.

    Raises `NotReleased` for a run without a version, for one that the gate left undecided, for one older than what has
    been published, for a first version that a person must approve, and for one that could not be held against the
    champion.
    """
    if run.state != "finished" or run.artifact is None:
        raise NotReleased(f"run {run.run_id} has no version: {run.reason}")
    number = run.artifact.version
    if run.outcome == "undecided":
        raise NotReleased(f"version {number} joins the pool, and serves once labels prove it better: {run.reason}")
    alone = any(evidence.detector == UNREADABLE_CHAMPION for evidence in run.gate)
    if alone or (current is None and plan.approval):
        raise NotReleased(f"version {number} waits: `tidemill release approve {run.model} --version {number}`")
    if current is not None and number <= newest(current):
        raise NotReleased(f"version {number} is not newer than {newest(current)}, which serves")
    action, version = _taking_over(current, run.model, run.artifact, run.start_offsets, now_ms, plan)
    return ModelRelease(
        release_id=run_release_id(run.run_id), action=action, by="trainer",
        reason=_superseding(current, run.reason), evidence=run.gate, published=version,
    )  # fmt: skip


def release_of_takeover(
    current: ModelVersion | None, takeover: OpenTakeover, artifact: ModelRef | None, now_ms: int, plan: Plan = DIRECT
) -> ModelRelease:
    """A version that proved better on labels is promoted at once (mode *direct*) or goes on trial, like that of a run;
    it may be an older one, which comes back.

    Raises `NotReleased` where nothing serves, where it serves or is on trial already, where another version than the
    one that it was held against serves by now, and where nobody knows its artifact.
    """
    number = takeover.version
    if current is None or artifact is None:
        raise NotReleased(f"version {number} cannot take over: {'nothing serves' if artifact else 'it is not known'}")
    arms = [reference.version for reference in (current.champion, current.challenger) if reference is not None]
    if number == arms[-1]:
        raise NotReleased(f"version {number} {'serves' if len(arms) == 1 else 'is on trial'} already")
    if takeover.over not in arms:
        raise NotReleased(f"version {number} was held against {takeover.over}, and {arms[0]} serves by now")
    action, version = _taking_over(current, takeover.model, artifact, (), now_ms, plan)
    if number == current.champion.version:
        action, version = "rolled_back", with_champion(current, takeover.model, current.champion, (), now_ms)
    return ModelRelease(
        release_id=takeover_release_id(takeover.takeover_id), action=action, by=LABEL_TIME,
        reason=_superseding(current, takeover.reason), evidence=takeover.evidence, published=version,
    )  # fmt: skip


def _taking_over(
    current: ModelVersion | None, model: str, version: ModelRef, data_set_end: tuple[int, ...], now_ms: int, plan: Plan
) -> tuple[Action, ModelVersion]:
    if current is None or not plan.steps:
        return "promoted", with_champion(current, model, version, data_set_end, now_ms)
    return "started", on_trial(current, version, plan, now_ms)


def release_of_decision(current: ModelVersion, decision: TrialDecision, now_ms: int) -> ModelRelease:
    """What was decided about the trial that is published. Raises `NotReleased` where it waits."""
    if current.challenger is None or decision.move == "wait":
        raise NotReleased(decision.reason)
    action: Action = "advanced"
    if decision.move == "advance":
        version = replace(current, epoch=current.epoch + 1, challenger_share=decision.share, published_at=now_ms)
    elif decision.move == "promote":
        action, version = "promoted", with_champion(current, current.model, current.challenger, (), now_ms)
    else:
        action, version = "rolled_back", with_champion(current, current.model, current.champion, (), now_ms)
    return ModelRelease(
        release_id=step_release_id(current.model, current.epoch), action=action, by=GATE, reason=decision.reason,
        evidence=tuple(_evidence(test, current.challenger.version) for test in decision.tests),
        published=version,
    )  # fmt: skip


def newest(current: ModelVersion) -> int:
    """The newest version that is published, on trial or not."""
    return max(ref.version for ref in (current.champion, current.challenger) if ref is not None)


def with_champion(
    current: ModelVersion | None, model: str, champion: ModelRef, data_set_end: tuple[int, ...], now_ms: int
) -> ModelVersion:
    """The next epoch, in which the champion answers alone. Start offsets are those of the first version and are
    repeated unchanged ever after.
    """
    if current is None:
        return ModelVersion(
            model=model, epoch=1, mode="direct", champion=champion, challenger=None, challenger_share=0.0,
            start_offsets=data_set_end, published_at=now_ms,
        )  # fmt: skip
    return replace(
        current, epoch=current.epoch + 1, mode="direct", champion=champion, challenger=None, challenger_share=0.0,
        published_at=now_ms,
    )  # fmt: skip


def on_trial(current: ModelVersion, challenger: ModelRef, plan: Plan, now_ms: int) -> ModelVersion:
    """The next epoch, in which a trial begins with its first step."""
    return replace(
        current, epoch=current.epoch + 1, mode=plan.mode, challenger=challenger,
        challenger_share=plan.steps[0].share, published_at=now_ms,
    )  # fmt: skip


def _superseding(current: ModelVersion | None, reason: str) -> str:
    if current is None or current.challenger is None:
        return reason
    return f"{reason}; takes the place of version {current.challenger.version}, which was on trial"


def _evidence(test: HarmTest, version: int) -> Evidence:
    return Evidence(
        detector=test.test, kind="gate", subject=f"version {version}", statistic=test.statistic,
        threshold=test.threshold, detail=test.detail,
    )  # fmt: skip
