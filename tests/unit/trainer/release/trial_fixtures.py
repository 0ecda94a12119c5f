"""Trials for tests: versions on trial, commands, reports of both arms."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.trainer.fixtures import reference, serving
from tidemill.contracts.events.platform import ModelRelease, ModelVersion, ReleaseCommand
from tidemill.contracts.events.profiles import Comparison, Profile
from tidemill.contracts.events.trials import ArmCalls, ArmReport
from tidemill_learning.release.policy import Plan
from tidemill_trainer.release.commands import release_of_command

CANARY = Plan(mode="canary", hold_ms=1_000, labels=0)
KNOWN = {number: (reference(number), (5, 6)) for number in (1, 2, 3)}


def trial(share: float = 0.05, epoch: int = 2) -> ModelVersion:
    """Version 2 on trial against version 1."""
    return replace(
        serving(1, epoch), mode="canary", challenger=reference(2), challenger_share=share, published_at=1_000
    )


def command(action: str, version: int | None = None) -> ReleaseCommand:
    return ReleaseCommand(
        command_id=f"c-{action}", model="tide", action=action, version=version, by="ann", reason="because", at=1,  # type: ignore[arg-type]
    )  # fmt: skip


def commanded(
    current: ModelVersion | None, action: str, version: int | None = None, plan: Plan = CANARY
) -> ModelRelease:
    return release_of_command(current, command(action, version), None, KNOWN.get, 9, plan)


def report(number: int, epoch: int = 2, challenger: int = 2, failed: int = 0) -> ArmReport:
    calls = ArmCalls(calls=10, slow=0, rows=200, failed=0, answered=190)
    tried = ArmCalls(calls=10, slow=0, rows=200, failed=failed, answered=10)
    return ArmReport(
        report_id=f"r{number}", model="tide", epoch=epoch, source="stream", champion=1, challenger=challenger,
        champion_calls=calls, challenger_calls=tried, buckets=(1,), champion_scores=(200,),
        challenger_scores=(200,), at=1,
    )  # fmt: skip


def profile(number: int, epoch: int = 2, gains: tuple[float, ...] = (0.5,)) -> Profile:
    found = Comparison(epoch=epoch, champion=1, challenger=2, labels=20, gains=gains)
    return Profile(
        profile_id=f"p{number}", model="tide", kind="quality", partition=0, window=number, topic="labels",
        first_offset=0, last_offset=19, records=20, started_at=0, ended_at=1, comparisons=(found,),
    )  # fmt: skip
