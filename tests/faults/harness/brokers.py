"""Brokers of a test's own: one that can be hurt, and one that is reached through a proxy."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.faults.harness.proxy import Proxy
from tests.faults.harness.recording import Fault
from tests.faults.harness.world import World
from tests.support.polling import until
from tidemill_embedded.broker.broker import Broker


@contextmanager
def own_broker(root: Path, folder: Path, fault: Fault, **options: object) -> Iterator[tuple[Broker, World]]:
    """A broker and a platform's topics on it."""
    with Broker(folder / "kafka", **options) as broker:  # type: ignore[arg-type]
        world = World(root, broker.bootstrap, "", folder, fault)
        try:
            yield broker, world
        finally:
            world.close()


@contextmanager
def proxied_broker(root: Path, folder: Path, fault: Fault) -> Iterator[tuple[Proxy, World]]:
    """A broker whose clients are sent through a proxy; the test itself goes straight."""
    proxy = Proxy(fault.seed)
    try:
        with Broker(folder / "kafka", relay=proxy.port) as broker:
            proxy.upstream = broker.relayed_port
            world = World(root, broker.bootstrap, "", folder, fault, via=proxy.bootstrap)
            try:
                yield proxy, world
            finally:
                world.close()
    finally:
        proxy.close()


def freeze(broker: Broker, seconds: float) -> None:
    """SIGSTOP for so long; the broker must have stood still."""
    assert broker.pid is not None
    process = psutil.Process(broker.pid)
    process.send_signal(signal.SIGSTOP)
    until(lambda: process.status() == psutil.STATUS_STOPPED, 5, "the broker stops")  # its last thread a little later
    used, ends = sum(process.cpu_times()[:2]), time.monotonic() + seconds
    until(lambda: time.monotonic() >= ends, seconds + 5, "the broker was still for its time")
    assert process.status() == psutil.STATUS_STOPPED and sum(process.cpu_times()[:2]) == used
    process.send_signal(signal.SIGCONT)
