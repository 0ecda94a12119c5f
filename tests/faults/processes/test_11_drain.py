"""Fault 11: SIGTERM under load."""

from __future__ import annotations

import time

import pytest

from tests.faults.harness.load import Feeder
from tests.faults.harness.recording import Fault, size
from tests.faults.harness.world import World
from tests.support.polling import until

DRAIN_S = 20


@pytest.mark.timeout(300)
@pytest.mark.fault(id=11, name="SIGTERM drain", limit="exit ≤ 20 s, 0 lost, 0 double, idle lag exactly 0")
def test_a_worker_that_is_asked_to_end_finishes_and_leaves_nothing_behind(world: World, fault: Fault) -> None:
    world.release()
    slowest, stopped, undone = 0.0, 0, 0
    feeder = Feeder(world, size(1_500, 3_000))
    try:
        for turn in range(size(2, 6)):
            workers = [world.start(kind, 0).until_ready() for kind in ("validator", "stream")]
            seen = world.end_of("predictions")
            until(lambda n=seen: world.end_of("predictions") > n, 40, "both are at work", every=0.1)
            if turn == 0:
                amid = world.audit(at_work=True)
                assert amid.holds, f"an audit of a platform at work finds what is not there: {amid.to_dict()}"
            for worker in workers:
                began = time.monotonic()
                worker.terminate()
                code = worker.wait(DRAIN_S)
                slowest, stopped = max(slowest, time.monotonic() - began), stopped + 1
                assert code == 0, f"{worker.name} ended with {code}: {worker.told()}"
            undone += world.behind() > 0
            fault.note(f"round {turn + 1}: both ended, {world.behind()} offsets not passed yet")
    finally:
        pushed = feeder.close()
    assert undone > 0, "the workers were never stopped under load: all was done each time"
    for kind in ("validator", "stream"):
        world.start(kind, 0).until_ready()
    world.until_done(60)
    fault.figures |= {"slowest_exit_s": round(slowest, 2), "stopped": stopped, "idle_lag": world.behind()}
    assert world.behind() == 0
    world.prove(by_key=True, raw=pushed)
    world.check()
