"""Profiles on a real broker: the same windows, whatever happens to the process that writes them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.broker.drift.conftest import PARTITIONS, World
from tests.support.polling import until

KINDS = ("features", "predictions", "quality")


def _by_id(profiles: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for profile in profiles:
        found[profile["profile_id"]].append(profile)
    return found


def _windows(world: World, kind: str) -> set[tuple[int, int]]:
    return {(p["partition"], p["window"]) for p in world.profiles() if p["kind"] == kind}


def test_a_killed_profile_writes_the_same_windows_again_and_misses_none(world: World) -> None:
    process = world.start("profile")
    expected = {(p, w) for p in range(PARTITIONS) for w in range(5)}
    for first in range(0, 1_200, 300):
        world.push(first, 300, late=0.25)
        reached = {(p, w) for p in range(PARTITIONS) for w in range((first + 300) // 200 - 1)}
        until(
            lambda r=reached: r <= _windows(world, "features"), 60, f"windows up to {first}: {world.logs()}"
        )
        world.kill(process)
        process = world.start("profile")
    for kind in KINDS:
        until(
            lambda k=kind: expected <= _windows(world, k),
            90,
            f"all {kind} windows are written: {world.logs()}",
        )
    for repeats in _by_id(world.profiles()).values():
        for repeat in repeats:
            assert repeat == repeats[0]
    quality = [p for p in world.profiles() if p["kind"] == "quality" and p["window"] < 4]
    assert {error["count"] for p in quality for error in p["errors"]} == {200}
