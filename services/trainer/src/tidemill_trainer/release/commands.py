"""What a person commands: approve, promote, reject, roll back. Pure: one state in, one release out."""

from __future__ import annotations

from collections.abc import Callable

from tidemill.contracts.events.platform import Action, Evidence, ModelRef, ModelRelease, ModelVersion, ReleaseCommand
from tidemill.ids import deterministic_id
from tidemill_learning.release.policy import Plan
from tidemill_trainer.release.transitions import DIRECT, NotReleased, newest, with_champion

Find = Callable[[int], tuple[ModelRef, tuple[int, ...]] | None]
"""Version to its artifact and the end of its data set."""


def command_release_id(command_id: str) -> str:
    """The id of the release that a command leads to."""
    return deterministic_id("release", "command", command_id)


def release_of_command(
    current: ModelVersion | None,
    command: ReleaseCommand,
    previous: int | None,
    find: Find,
    now_ms: int,
    plan: Plan = DIRECT,
) -> ModelRelease:
    """What a command leads to. `previous`: the version that served before the champion.

    approve lets a challenger that waits for it go on (or makes the first version the champion, or one that waits
    because it could not be held against the champion); promote makes the challenger, or any version that is named,
    champion at once; reject ends the trial, or only marks a version; roll back ends the trial, or goes back to the
    version before or to the one that is named. Raises `NotReleased` where the command makes no sense.
    """
    if command.action == "approve":
        return _approved(current, command, find, now_ms, plan)
    if command.action == "reject":
        return _rejected(current, command, now_ms)
    number = _meant(current, command, previous)
    if current is not None and number == current.champion.version:
        if current.challenger is None or command.action == "promote":
            raise NotReleased(f"version {number} serves already")
        return _commanded(command, with_champion(current, command.model, current.champion, (), now_ms), "rolled_back")
    if command.action == "rollback" and (current is None or number > current.champion.version):
        raise NotReleased(f"version {number} is not an earlier version")
    action: Action = "rolled_back" if command.action == "rollback" else "promoted"
    return _commanded(command, _promoted(current, command, number, find, now_ms), action)


def refused(current: ModelVersion, command: ReleaseCommand, why: str) -> ModelRelease:
    """The record of a command that makes no sense: it changes nothing."""
    release = _commanded(command, current, "refused")
    return ModelRelease.from_dict({**release.to_dict(), "reason": why})


def _meant(current: ModelVersion | None, command: ReleaseCommand, previous: int | None) -> int:
    """The version that is to be champion."""
    if command.version is not None:
        return command.version
    if current is not None and current.challenger is not None:
        return current.challenger.version if command.action == "promote" else current.champion.version
    if command.action == "rollback" and previous is not None:
        return previous
    raise NotReleased("no version is named, and there is none before the one that serves")


def _approved(
    current: ModelVersion | None, command: ReleaseCommand, find: Find, now_ms: int, plan: Plan
) -> ModelRelease:
    if current is None:
        if command.version is None:
            raise NotReleased("nothing serves yet: name the version")
        return _commanded(command, _promoted(None, command, command.version, find, now_ms), "promoted")
    challenger = current.challenger
    if challenger is None and command.version is not None and command.version > newest(current):
        return _commanded(command, _promoted(current, command, command.version, find, now_ms), "promoted")
    if challenger is None or command.version not in (None, challenger.version):
        raise NotReleased(f"version {command.version or '?'} is not on trial")
    if not plan.steps or not plan.steps[plan.step_of(current.challenger_share)].approval:
        raise NotReleased(f"version {challenger.version} does not wait for approval")
    return _commanded(command, current, "approved")


def _rejected(current: ModelVersion | None, command: ReleaseCommand, now_ms: int) -> ModelRelease:
    if current is None:
        raise NotReleased("nothing serves yet")
    if command.version == current.champion.version:
        raise NotReleased(f"version {command.version} serves: roll back instead")
    challenger = current.challenger
    if challenger is not None and command.version in (None, challenger.version):
        return _commanded(command, with_champion(current, command.model, current.champion, (), now_ms), "rejected")
    if command.version is None:
        raise NotReleased("no version is named, and none is on trial")
    return _commanded(command, current, "rejected")


def _promoted(
    current: ModelVersion | None, command: ReleaseCommand, number: int, find: Find, now_ms: int
) -> ModelVersion:
    found = find(number)
    if found is None:
        raise NotReleased(f"version {number} of {command.model} is not known, or did not pass its gate")
    return with_champion(current, command.model, found[0], found[1], now_ms)


def _commanded(command: ReleaseCommand, version: ModelVersion, action: Action) -> ModelRelease:
    subject = command.version or (version.challenger or version.champion).version
    why = Evidence(
        detector="command", kind="manual", subject=f"version {subject}", statistic=0.0, threshold=0.0,
        detail=command.reason,
    )  # fmt: skip
    return ModelRelease(
        release_id=command_release_id(command.command_id), action=action, by=command.by, reason=command.reason,
        evidence=(why,), published=version,
    )  # fmt: skip
