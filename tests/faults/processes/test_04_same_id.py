"""Fault 4: two processes with one transactional id."""

from __future__ import annotations

import pytest

from tests.faults.harness.load import Feeder
from tests.faults.harness.recording import Fault, size
from tests.faults.harness.world import World
from tests.support.polling import until

FENCED = 3


@pytest.mark.timeout(200)
@pytest.mark.fault(id=4, name="Two processes, one transactional id", limit="one survives, output exact")
@pytest.mark.parametrize("kind", ["validator", "stream"])
def test_of_two_workers_with_one_transactional_id_one_survives(world: World, fault: Fault, kind: str) -> None:
    world.release()
    other = "stream" if kind == "validator" else "validator"
    world.start(other, 0).until_ready()
    first = world.start(kind, 0, batch_size=100).until_ready()
    feeder = Feeder(world, size(400, 2_000))
    try:
        until(lambda: world.count("predictions") > 0, 30, "the first is at work", every=0.3)
        second = world.start(kind, 0, batch_size=100, log_file=world.folder / "second.log")
        second.log = world.folder / "second.log"
        until(lambda: not (first.running() and second.running()), 40, "one of the two gives way", every=0.1)
        loser, winner = (first, second) if not first.running() else (second, first)
        loser.meant = True
        fault.note(f"{'the first' if loser is first else 'the second'} ended with code {loser.child.poll()}")
        fault.figures |= {"exit_code_of_the_fenced": loser.child.poll(), "survivor": winner.name}
        assert loser.child.poll() == FENCED, loser.told()
        until(winner.ready, 30, "the survivor works", every=0.1)
        before = world.count("predictions")
        until(lambda: world.count("predictions") > before, 30, "the survivor goes on", every=0.3)
        assert winner.running(), winner.told()
    finally:
        pushed = feeder.close()
    world.until_done(60)
    world.prove(by_key=True, raw=pushed)
    world.check()
