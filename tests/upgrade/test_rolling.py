"""Validator, *stream* and drift's *profile* are rolled to another release under load, one process at a time, with both
releases in each consumer group at once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from tests.faults.harness.load import Feeder
from tests.faults.harness.service import Service
from tests.faults.harness.world import World
from tests.support.polling import until
from tests.upgrade.conftest import Release
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.scan import scan
from tidemill_operations.standing import groups

GROUPS = {"validator": groups.VALIDATOR, "stream": groups.STREAM, "profile": f"{groups.PROFILE}-all"}
REPLICAS, RATE, DRAIN_S, PATIENCE_S = 2, 500, 30.0, 90.0


@pytest.mark.timeout(900)
@pytest.mark.parametrize("direction", ["to this release", "back to the one before"])
def test_two_releases_share_their_groups_and_nothing_is_lost_or_twice(
    world: World, before: Release, now: Release, direction: str
) -> None:
    first, then = (before, now) if direction == "to this release" else (now, before)
    world.release()
    at_work = {
        (kind, number): first.start(world, kind, number).until_ready() for kind in GROUPS for number in range(REPLICAS)
    }
    feeder = Feeder(world, RATE)
    try:
        until(lambda: world.count("predictions") > RATE, PATIENCE_S, "records flow", every=0.5)
        for number in range(REPLICAS):
            for kind in GROUPS:
                _ended(at_work[kind, number])
                at_work[kind, number] = then.start(world, kind, number).until_ready()
            for group in GROUPS.values():
                until(lambda g=group: _sharing(world, g) == REPLICAS, PATIENCE_S, f"{group} is shared", every=0.5)
            seen = world.count("predictions")
            until(lambda n=seen: world.count("predictions") > n + 4 * RATE, PATIENCE_S, "records flow on", every=0.5)
    finally:
        pushed = feeder.close()
    world.until_done(PATIENCE_S)
    world.prove(by_key=True, raw=pushed)
    windows = _windows(world)
    print(json.dumps({"direction": direction, "pushed": pushed, "windows": windows, **world.fault.figures}))
    assert windows > 0


def _ended(service: Service) -> None:
    service.terminate()
    assert service.wait(DRAIN_S) == 0, service.told()


def _sharing(world: World, group: str) -> int:
    """How many members of a group have partitions."""
    name = world.view.topics.group(group)
    client = admin(world.settings)
    described = client.describe_consumer_groups([name], request_timeout=10.0)[name].result()
    return sum(bool(member.assignment and member.assignment.topic_partitions) for member in described.members)


def _windows(world: World) -> int:
    """How many windows are profiled. Each is there once, or again with the same content, and none meets the next."""
    schema = world.view.schemas.platform("profile")
    found: dict[str, dict[str, Any]] = {}
    for batch in scan(world.settings, world.view.topics.name("profiles")):
        for one in (dict(world.view.codec.decode_one(value, schema)) for value in batch.values if value is not None):
            if not one["sealed"]:
                assert found.setdefault(one["profile_id"], one) == one, one["profile_id"]
    by_partition: dict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
    for one in found.values():
        by_partition[one["kind"], one["topic"], one["partition"]].append((one["first_offset"], one["last_offset"]))
    for places in by_partition.values():
        for (_, last), (following, _) in zip(sorted(places), sorted(places)[1:], strict=False):
            assert last < following, places
    return len(found)
