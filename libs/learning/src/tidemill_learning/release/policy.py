"""The modes of a release as one state machine: steps of a share, and what ends each.

| mode | steps of the challenger's share | its end |
|---|---|---|
| direct | none | is champion at once |
| shadow | 0 | champion once held, and quality is known |
| canary | the stages, 5 %, 50 %, 100 % | the same, after the last stage |
| blue_green | 1 | the same: the champion stays loaded, and is back at once |
| ab | the first stage, else 50 % | champion once proven better, out once proven worse |

With approval a step of share 0 stands before all of them, and only a person ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tidemill_learning.release.observed import Observed
from tidemill_learning.release.sequential_test import (
    HarmTest,
    Limits,
    harm_tests,
    is_better,
    may_go_on,
    quality_is_known,
)

Mode = Literal["direct", "shadow", "canary", "blue_green", "ab"]
Move = Literal["wait", "advance", "promote", "roll_back"]
STAGES = (0.05, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class TrialStep:
    """One step: the challenger's share, and whether a person must let it go on."""

    share: float
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model's versions take over. `labels`: so many must be compared at most before the end."""

    mode: Mode = "direct"
    stages: tuple[float, ...] = STAGES
    hold_ms: int = 600_000
    approval: bool = False
    labels: int = 50_000
    limits: Limits = field(default_factory=Limits)

    @property
    def steps(self) -> tuple[TrialStep, ...]:
        """The steps in order; none where a version takes over at once."""
        shares: dict[str, tuple[float, ...]] = {
            "direct": (),
            "shadow": (0.0,),
            "canary": self.stages,
            "blue_green": (1.0,),
            "ab": (self.stages[0] if self.stages != STAGES else 0.5,),
        }
        before = (TrialStep(0.0, approval=True),) if self.approval else ()
        return (*before, *(TrialStep(share) for share in shares[self.mode] if not (before and share == 0.0)))

    def step_of(self, share: float) -> int:
        """The step with this share; after a change of the plan the last one that is not above it, or the first."""
        below = [number for number, step in enumerate(self.steps) if step.share <= share]
        return below[-1] if below else 0


@dataclass(frozen=True, slots=True)
class TrialDecision:
    """What to do, why, and what it rests on. `share`: the challenger's from now on (advance only)."""

    move: Move
    reason: str
    tests: tuple[HarmTest, ...] = ()
    share: float = 0.0


def decide(
    plan: Plan, share: float, seen: Observed, held_ms: int, metric: str, *, approved: bool = False
) -> TrialDecision:
    """The next move of a trial whose challenger has this share.

    `held_ms`: since the step was published. `approved`: a person has let the trial go on. Proof of harm comes
    before everything; else a step lasts for `hold`, and for as long as the gate or a person asks.
    """
    tests = tuple(harm_tests(seen, plan.limits, metric))
    harm = [test for test in tests if test.harm]
    if harm:
        return TrialDecision("roll_back", "; ".join(f"{f.test}: {f.detail}" for f in harm), tests)
    steps = plan.steps
    if not steps:
        return TrialDecision("promote", "the model file asks for no trial any more", tests)
    at = plan.step_of(share)
    wait = _why_wait(plan, steps[at], seen, held_ms, approved)
    if wait is not None:
        return TrialDecision("wait", wait, tests)
    if at + 1 < len(steps):
        nxt = steps[at + 1].share
        return TrialDecision("advance", f"nothing speaks against it after {held_ms / 1000:.0f} s", tests, nxt)
    wait = _why_not_end(plan, seen, approved)
    if wait is not None:
        return TrialDecision("wait", wait, tests)
    return TrialDecision("promote", "nothing speaks against it after its last step", tests)


def _why_wait(plan: Plan, step: TrialStep, seen: Observed, held_ms: int, approved: bool) -> str | None:
    if step.approval and not approved:
        return "a person must approve it"
    if held_ms < plan.hold_ms and not (step.approval and approved):
        return f"held for {held_ms / 1000:.0f} s of {plan.hold_ms / 1000:.0f} s"
    return None if step.approval else may_go_on(seen, plan.limits)


def _why_not_end(plan: Plan, seen: Observed, approved: bool) -> str | None:
    if plan.mode == "ab":
        return None if is_better(seen) else "neither arm is proven to be better"
    if plan.mode == "direct" and approved:
        return None
    return quality_is_known(seen, plan.labels)
