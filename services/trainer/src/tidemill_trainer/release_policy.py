"""What a finished run or a command changes about what serves. Pure: one state in, one release or a refusal
out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tidemill.contracts.events import (
    Evidence,
    ModelRef,
    ModelRelease,
    ModelVersion,
    ReleaseCommand,
    RetrainRun,
)
from tidemill.errors import TidemillError
from tidemill.ids import deterministic_id

Find = Callable[[int], tuple[ModelRef, tuple[int, ...]] | None]
"""Version to its artifact and the end of its data set."""


class NotReleased(TidemillError):
    """Nothing changes; the message says why."""


def run_release_id(run_id: str) -> str:
    """The id of the release that a run leads to: the same at every attempt."""
    return deterministic_id("release", "run", run_id)


def command_release_id(command_id: str) -> str:
    """The id of the release that a command leads to."""
    return deterministic_id("release", "command", command_id)


def release_of_run(current: ModelVersion | None, run: RetrainRun, now_ms: int) -> ModelRelease:
    """A run that finished and passed the gate is promoted at once (mode *direct*).

    Raises ``NotReleased`` for a run without a version, and for one older than what has been published.
    """
    if run.state != "finished" or run.artifact is None:
        raise NotReleased(f"run {run.run_id} has no version: {run.reason}")
    if current is not None and run.artifact.version <= current.champion.version:
        raise NotReleased(f"version {run.artifact.version} is not newer than {current.champion.version}, which serves")
    version = _next(current, run.model, run.artifact, run.start_offsets, now_ms)
    return ModelRelease(
        release_id=run_release_id(run.run_id),
        action="promoted",
        by="trainer",
        reason=run.reason,
        evidence=run.gate,
        published=version,
    )


def release_of_command(
    current: ModelVersion | None, command: ReleaseCommand, previous: int | None, find: Find, now_ms: int
) -> ModelRelease:
    """What a person commands: promote a version, roll back (to the one before, where none is named), reject
    one.

    A rejection is recorded and changes nothing that serves. Raises ``NotReleased`` where the command makes
    no sense.
    """
    if command.action == "reject":
        return _rejected(current, command)
    number = command.version if command.version is not None else previous if command.action == "rollback" else None
    if number is None:
        raise NotReleased("no version is named, and there is none before the one that serves")
    if current is not None and number == current.champion.version:
        raise NotReleased(f"version {number} serves already")
    if command.action == "rollback" and (current is None or number > current.champion.version):
        raise NotReleased(f"version {number} is not an earlier version")
    found = find(number)
    if found is None:
        raise NotReleased(f"version {number} of {command.model} is not known, or did not pass its gate")
    version = _next(current, command.model, found[0], found[1], now_ms)
    action = "rolled_back" if command.action == "rollback" else "promoted"
    return _commanded(command, version, action)


def _rejected(current: ModelVersion | None, command: ReleaseCommand) -> ModelRelease:
    if current is None:
        raise NotReleased("nothing serves yet")
    if command.version == current.champion.version:
        raise NotReleased(f"version {command.version} serves: roll back instead")
    return _commanded(command, current, "rejected")


def _commanded(command: ReleaseCommand, version: ModelVersion, action: str) -> ModelRelease:
    why = Evidence(
        detector="command", kind="manual", subject=f"version {command.version or version.champion.version}",
        statistic=0.0, threshold=0.0, detail=command.reason,
    )  # fmt: skip
    return ModelRelease(
        release_id=command_release_id(command.command_id), action=action, by=command.by,  # type: ignore[arg-type]
        reason=command.reason, evidence=(why,), published=version,
    )  # fmt: skip


def _next(
    current: ModelVersion | None, model: str, champion: ModelRef, data_set_end: tuple[int, ...], now_ms: int
) -> ModelVersion:
    """The next epoch. Start offsets are those of the first version and are repeated unchanged ever after."""
    if current is not None:
        return replace(
            current,
            epoch=current.epoch + 1,
            mode="direct",
            champion=champion,
            challenger=None,
            challenger_share=0.0,
            published_at=now_ms,
        )
    return ModelVersion(
        model=model, epoch=1, mode="direct", champion=champion, challenger=None, challenger_share=0.0,
        start_offsets=data_set_end, published_at=now_ms,
    )  # fmt: skip
