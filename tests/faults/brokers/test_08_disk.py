"""Fault 8: the broker's disk is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.brokers.test_06_broker import until_work_again
from tests.faults.harness.brokers import own_broker
from tests.faults.harness.load import Clients, ids_on
from tests.faults.harness.recording import Fault, size
from tests.support.polling import until

AGAIN_S = 60
DISK_MB = 160


@pytest.mark.timeout(300)
@pytest.mark.fault(id=8, name="Disk full", limit="nothing acknowledged is missing, no service restarted, work ≤ 60 s")
def test_a_full_disk_stops_the_broker_and_nothing_else(root: Path, tmp_path: Path, fault: Fault) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk) as made:
        if not made:
            fault.figures["not_run"] = "a tmpfs cannot be mounted here (it takes root): this fault was NOT tried"
            return  # counted as not proven and said in red by the run's end, and not passed in the report
        with own_broker(root, disk, fault) as (broker, world):
            world.release()
            services = [world.start(kind) for kind in ("ingest", "validator", "stream")]
            for service in services:
                service.until_ready()
            clients = Clients(services[0].port)
            try:
                until(lambda: world.count("predictions") > 100, 60, "all work", every=0.5)
                ballast = disk / "ballast"
                fill(ballast)
                fault.note("the disk is full")
                until(lambda: not broker.running(), 120, "the broker halts", every=0.2)
                fault.note("the broker halted")
                refused = clients.statuses[503]
                until(lambda: clients.statuses[503] > refused, 30, "ingest answers 503", every=0.1)
                ballast.unlink()
                broker.kill()
                broker.start()
                fault.note("there is space, and the broker started again")
                again = until_work_again(world, clients)
                fault.note("all work again")
            finally:
                clients.close()
            world.check()
            world.until_done(60)
            lost = clients.acknowledged - ids_on(world, "raw")
            fault.lost += len(lost)
            fault.figures |= {
                "disk_mb": DISK_MB, "acknowledged": len(clients.acknowledged), "answers": dict(clients.statuses),
                "work_again_s": round(again, 1),
            }  # fmt: skip
            assert not lost, sorted(lost)[:5]
            assert again <= AGAIN_S
            world.prove()


@contextmanager
def small_disk(path: Path) -> Iterator[bool]:
    """A tmpfs of `DISK_MB`; False where it cannot be mounted."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size(DISK_MB, DISK_MB)}m", "tmpfs", str(path)]
    made = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield made
    finally:
        if made:
            subprocess.run(["umount", "-l", str(path)], capture_output=True, check=False)


def fill(path: Path) -> None:
    """Takes all the space that there is, and what the broker gives back for a moment."""
    block = bytes(65_536)
    with path.open("wb", buffering=0) as out:
        try:
            while out.write(block) == len(block):
                continue
        except OSError as error:
            assert error.errno == 28, error
