"""Fault 1: workers are killed in the middle of their transactions."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults.harness.follower import Follower
from tests.faults.harness.open_transactions import OpenTransactions
from tests.faults.harness.recording import Fault, size
from tests.faults.harness.world import World
from tests.support.polling import until

LIMIT_S = 240


@pytest.mark.timeout(500)
@pytest.mark.fault(id=1, name="SIGKILL mid-transaction", limit="0 lost, 0 double, order kept, ≤ 240 s")
def test_killed_mid_transaction_nothing_is_lost_and_nothing_twice(
    kafka: str, prefix: str, root: Path, tmp_path: Path, fault: Fault
) -> None:
    total, partitions, kills = size(6_000, 100_000), size(3, 9), size(2, 9)
    world = World(root, kafka, prefix, tmp_path, fault, partitions=partitions)
    chance, watch = random.Random(fault.seed), OpenTransactions(world)
    world.release()
    follower = Follower(world.settings, [world.topic("clean"), world.topic("predictions")], partitions)
    quick = {"batch_size": size(20, 50), "batch_linger_ms": 5}
    share = total // (2 * kills)

    def feed() -> None:
        world.push(min(share, total - world.pushed - 1))

    try:
        began = time.monotonic()
        workers = [world.start("validator", n, **quick) for n in range(size(2, 3))]
        workers += [world.start("stream", n, **quick) for n in range(size(1, 2))]
        for worker in workers:
            worker.until_ready()
        for turn in range(kills):
            kind = "stream" if turn % 3 == size(1, 2) else "validator"
            candidates = [worker for worker in workers if worker.kind == kind]
            chance.shuffle(candidates)
            victim, held = watch.freeze(candidates, feed)
            victim.kill()
            fault.note(f"{victim.name} killed with {sum(held.values())} records written and not committed")
            place = workers.index(victim)
            workers[place] = world.start(victim.kind, victim.instance, **quick)
            workers[place].until_ready()
        world.push(total - world.pushed)
        world.until_done(LIMIT_S)
        seconds = fault.figures["work_s"] = round(time.monotonic() - began, 1)
        aborted = world.aborted("clean", "raw_dlq", "predictions")
        fault.figures |= {"kills": kills, "records_only_read_uncommitted_sees": aborted}
        world.prove(by_key=True, raw=total)
        until(follower.agrees, 30, "the concurrent reader has seen the same records", every=1.0)
        assert sum(aborted.values()) >= kills, "not every kill left records of an aborted transaction behind"
        assert seconds <= LIMIT_S
        world.check()
    finally:
        follower.close()
        world.close()
