"""Fault 2: a worker is frozen past its time-outs, others take over, and it comes back."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults.open_transactions import OpenTransactions
from tests.faults.recording import Fault, size
from tests.faults.service import Service
from tests.faults.world import World
from tests.support.polling import until

BACK_S = 10
FENCED = "fenced: "
"""What a worker says where the coordinator refused its producer; see `tidemill.kafka.session`."""


@pytest.mark.timeout(300)
@pytest.mark.fault(id=2, name="Zombie", limit="0 double; fenced, and out or in the group again ≤ 10 s")
@pytest.mark.parametrize("kind", ["validator", "stream"])
def test_a_worker_that_wakes_up_after_its_time_is_fenced(world: World, fault: Fault, kind: str) -> None:
    total = size(6_000, 60_000)
    world.release()
    quick = {"batch_size": size(20, 50), "batch_linger_ms": 5, "transaction_timeout_ms": size(3_000, 5_000)}
    pair = [world.start(kind, number, **quick) for number in range(2)]
    world.start("stream" if kind == "validator" else "validator", 0, **quick)
    for service in world.services:
        service.until_ready()
    share = total // 8
    zombie, held = OpenTransactions(world).freeze(pair, lambda: world.push(share))
    fault.note(f"{zombie.name} frozen with {sum(held.values())} records written and not committed")
    frozen = time.monotonic()
    world.push(share)
    world.until_done(60)  # the others have taken over, and have passed what the zombie held open
    until(lambda: time.monotonic() - frozen > size(6, 12), 20, "both time-outs have passed")
    said = len(zombie.lines())
    zombie.send(signal.SIGCONT)
    woken = time.monotonic()
    fault.note(f"{zombie.name} goes on")
    until(lambda: _told(zombie.lines()[said:]), BACK_S, f"the zombie says that it was fenced {zombie.lines()[said:]}")
    world.push(500)
    until(lambda: not zombie.running() or _back(zombie, said), BACK_S, "it is out, or in the group again", every=0.1)
    fault.figures |= {
        "frozen_s": round(woken - frozen, 1),
        "back_s": round(time.monotonic() - woken, 1),
        "exit_code": zombie.child.poll(),
        "said": [line["message"] for line in zombie.lines()[said:] if line["level"] != "INFO"][:3],
        "records_held_open": sum(held.values()),
    }
    assert time.monotonic() - woken <= BACK_S
    zombie.meant = not zombie.running()
    world.until_done(60)
    aborted = world.aborted("clean", "raw_dlq", "predictions")
    fault.figures["records_only_read_uncommitted_sees"] = aborted
    assert sum(aborted.values()) > 0, "nothing was written when the zombie was frozen"
    world.prove(by_key=True, raw=world.pushed)
    world.check()


def _told(lines: list[dict[str, object]]) -> bool:
    return any(str(line.get("message")).startswith(FENCED) for line in lines)


def _back(zombie: Service, since: int) -> bool:
    """It holds partitions that it was given after it woke up."""
    return zombie.ready() and any(str(line.get("message")).startswith("assigned ") for line in zombie.lines()[since:])
