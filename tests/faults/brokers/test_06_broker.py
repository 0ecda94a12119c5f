"""Fault 6: the broker is killed and frozen under load."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.harness.brokers import freeze, own_broker
from tests.faults.harness.load import Clients, ids_on
from tests.faults.harness.recording import Fault, size
from tests.faults.harness.world import World
from tests.support.polling import until

AGAIN_S = 30


@pytest.mark.timeout(500)
@pytest.mark.fault(
    id=6, name="Broker SIGKILL and SIGSTOP", limit="no service exits, work ≤ 30 s, acknowledged is there"
)
def test_a_broker_that_dies_and_freezes_costs_nothing_that_was_acknowledged(
    root: Path, tmp_path: Path, fault: Fault
) -> None:
    with own_broker(root, tmp_path, fault) as (broker, world):
        world.release()
        services = [world.start(kind) for kind in ("ingest", "validator", "stream")]
        for service in services:
            service.until_ready()
        clients = Clients(services[0].port)
        again = []
        try:
            until(lambda: world.count("predictions") > 100, 60, "all work", every=0.5)
            for turn in range(size(1, 3)):
                broker.kill()
                fault.note("broker killed")
                refused = clients.statuses[503]
                until(lambda n=refused: clients.statuses[503] > n, 40, "ingest answers 503", every=0.1)
                fault.note("ingest answers 503")
                broker.start()
                fault.note("broker started")
                again.append(until_work_again(world, clients))
                fault.note(f"all work again after {again[-1]:.1f} s (kill {turn + 1})")
            for seconds in (5, 6, 7.5, size(6, 30)):  # about its own session: it may be fenced for a moment after it
                freeze(broker, seconds)
                fault.note(f"broker frozen for {seconds} s, and on")
                again.append(until_work_again(world, clients))
        finally:
            clients.close()
        world.check()
        world.until_done(60)
        found = ids_on(world, "raw")
        lost = clients.acknowledged - found
        fault.lost += len(lost)
        fault.figures |= {
            "acknowledged": len(clients.acknowledged), "answers": dict(clients.statuses),
            "work_again_s": [round(s, 1) for s in again], "slowest_answer_s": round(clients.slowest_s, 1),
            "in_doubt": sum(s.said("transaction in doubt") for s in services),
        }  # fmt: skip
        assert not lost, sorted(lost)[:5]
        assert clients.without_retry_after == 0
        assert clients.statuses[503] > 0, "no client noticed anything"
        assert max(again) <= AGAIN_S
        world.prove()


def until_work_again(world: World, clients: Clients) -> float:
    """Seconds until ingest accepts and a new record has become a prediction."""
    began = time.monotonic()
    until(lambda: clients.last_accepted > began, 90, "ingest accepts again", every=0.05)
    ends = {role: world.end_of(role) for role in ("clean", "predictions")}
    until(lambda: all(world.end_of(role) > end for role, end in ends.items()), 90, "all work again", every=0.1)
    world.check()
    return time.monotonic() - began
