"""Fault 3: members come and go without a rest."""

from __future__ import annotations

import random
import threading
import time

import pytest

from tests.faults.harness.load import Feeder
from tests.faults.harness.recording import Fault, size
from tests.faults.harness.service import READY_S
from tests.faults.harness.world import World
from tests.support.polling import until
from tidemill.kafka.client.clients import admin
from tidemill_operations.standing import groups

GAP_S = 15
EVERY_S = 3.0
MOVES = size(4, 20)
PATIENCE_S = 90.0
"""In the short form: a slow machine is given the time to start processes in which partitions move so often."""
PROTOCOLS = {"classic": {}, "consumer": {"group_protocol": "consumer"}}


@pytest.mark.timeout(400)
@pytest.mark.fault(id=3, name="Rebalance storm", limit="0 lost, 0 double, no gap in output > 15 s")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_members_that_come_and_go_lose_nothing_and_leave_no_gap(world: World, fault: Fault, protocol: str) -> None:
    seconds, chance, given = size(12, 120), random.Random(fault.seed), PROTOCOLS[protocol]
    world.release()
    world.start("stream", 0, **given).until_ready()
    members = {0: world.start("validator", 0, **given).until_ready()}
    feeder, gaps = Feeder(world, size(200, 500)), Gaps(world)
    joined = left = 0
    try:
        until(lambda: world.count("predictions") > 0, 30, "output flows", every=0.3)
        gaps.start()
        began = turn = time.monotonic()
        while time.monotonic() - began < seconds or (moves(world) < MOVES and time.monotonic() - began < PATIENCE_S):
            if len(members) < 2 or (len(members) < 4 and chance.random() < 0.55):
                number = next(n for n in range(8) if n not in members)
                members[number] = world.start("validator", number, **given)
                joined += 1
            else:
                gone = members.pop(chance.choice(sorted(members)))
                until(gone.has_begun, READY_S, f"{gone.name} has begun")
                gone.terminate()
                left += 1
                fault.note(f"{gone.name} asked to leave")
            turn = max(turn + EVERY_S, time.monotonic())
            until(lambda at=turn: time.monotonic() >= at, EVERY_S + 5, "the next change is due", every=0.05)
            world.check()
    finally:
        gaps.close()
        pushed = feeder.close()
    world.until_done(90)
    fault.figures |= {
        "joined": joined, "left": left, "assignments": moves(world), "longest_gap_s": round(gaps.longest_s, 2),
    }  # fmt: skip
    assert group_type(world) == protocol, "the groups do not use the protocol that is under test"
    assert moves(world) >= MOVES, "partitions hardly moved"
    world.prove(by_key=True, raw=pushed)
    assert gaps.longest_s <= GAP_S
    for service in world.services:
        assert not service.meant or service.wait(20) == 0, service.told()


def moves(world: World) -> int:
    """How often a validator was given partitions; a process that has just been started has none yet."""
    return sum(service.said("assigned ") for service in world.services if service.kind == "validator")


def group_type(world: World) -> str:
    """The protocol of the validators' group, as the broker says."""
    name = world.view.topics.group(groups.VALIDATOR)
    client = admin(world.settings)  # an answer comes for as long as its client lives
    described = client.describe_consumer_groups([name], request_timeout=10.0)
    return str(described[name].result().type.name).lower()


class Gaps:
    """The longest time in which the end of predictions did not move."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.longest_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        end, since = 0, time.monotonic()
        while not self._stop.wait(0.1):
            now = self._world.end_of("predictions")
            if now != end:
                end, since = now, time.monotonic()
            self.longest_s = max(self.longest_s, time.monotonic() - since)

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(20)
