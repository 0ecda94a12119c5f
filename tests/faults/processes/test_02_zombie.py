"""Fault 2: a worker is frozen past its time-outs, others take over, and it comes back."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults.harness.open_transactions import OpenTransactions
from tests.faults.harness.recording import FULL, Fault, mode, size
from tests.faults.harness.service import Service
from tests.faults.harness.world import World
from tests.support.polling import until

BACK_S = 10
KINDS = {"both": ("validator", "stream")}
if mode() == FULL:
    KINDS = {"validator": ("validator",), "stream": ("stream",)}
FENCED = "fenced: "
"""What a worker says where the coordinator refused its producer; see `tidemill.kafka.runtime.transaction`."""


@pytest.mark.timeout(300)
@pytest.mark.fault(id=2, name="Zombie", limit="0 double; fenced, and out or in the group again ≤ 10 s")
@pytest.mark.parametrize("kinds", KINDS)
def test_a_worker_that_wakes_up_after_its_time_is_fenced(world: World, fault: Fault, kinds: str) -> None:
    share, watch, zombies = size(1_000, 7_500), OpenTransactions(world), {}
    world.release()
    quick = {"batch_size": size(20, 50), "batch_linger_ms": 5, "transaction_timeout_ms": size(3_000, 5_000)}
    pairs = {
        kind: [world.start(kind, number, **quick) for number in range(2 if kind in KINDS[kinds] else 1)]
        for kind in ("validator", "stream")
    }
    for service in world.services:
        service.until_ready()
    for kind in KINDS[kinds]:
        zombie, held = watch.freeze(pairs[kind], lambda: world.push(share))
        zombies[zombie] = time.monotonic(), sum(held.values())
        fault.note(f"{zombie.name} frozen with {sum(held.values())} records written and not committed")
    world.push(share)
    world.until_done(90)  # the others have taken over, and have passed what the zombies held open
    last = max(frozen for frozen, _ in zombies.values())
    until(lambda: time.monotonic() - last > size(6, 12), 20, "both time-outs have passed")
    figures = {zombie.name: wake(world, zombie, *was) for zombie, was in zombies.items()}
    fault.figures |= figures
    world.until_done(90)
    aborted = world.aborted("clean", "raw_dlq", "predictions")
    fault.figures["records_only_read_uncommitted_sees"] = aborted
    assert sum(aborted.values()) >= len(zombies), "nothing was written when a zombie was frozen"
    world.prove(by_key=True, raw=world.pushed)
    world.check()


def wake(world: World, zombie: Service, frozen: float, held: int) -> dict[str, object]:
    """Lets it go on; it must hear and say that it was fenced, and end or come back, in time."""
    said = len(zombie.lines())
    zombie.send(signal.SIGCONT)
    woken = time.monotonic()
    world.fault.note(f"{zombie.name} goes on")
    until(lambda: _fenced(zombie, said), BACK_S, f"{zombie.name} says that it was fenced")
    fenced = time.monotonic()
    world.push(500)
    until(lambda: not zombie.running() or _back(zombie, said), BACK_S, "it is out, or in the group again", every=0.1)
    back = time.monotonic() - woken
    assert back <= BACK_S
    zombie.meant = not zombie.running()
    return {
        "frozen_s": round(woken - frozen, 1), "fenced_s": round(fenced - woken, 1), "back_s": round(back, 1),
        "exit_code": zombie.child.poll(), "records_held_open": held, "said": _fenced(zombie, said),
    }  # fmt: skip


def _fenced(zombie: Service, since: int) -> str:
    said = [str(line.get("message")) for line in zombie.lines()[since:]]
    return next((message for message in said if message.startswith(FENCED)), "")


def _back(zombie: Service, since: int) -> bool:
    """It holds partitions that it was given after it woke up."""
    return zombie.ready() and any(str(line.get("message")).startswith("assigned ") for line in zombie.lines()[since:])
