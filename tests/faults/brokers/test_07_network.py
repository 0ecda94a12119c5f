"""Fault 7: a black hole, a slow network, connections that are cut."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.brokers.test_06_broker import until_work_again
from tests.faults.harness.brokers import proxied_broker
from tests.faults.harness.load import Clients, ids_on
from tests.faults.harness.recording import Fault, size
from tests.faults.harness.service import Service
from tests.support.polling import until

GROWTH_MB = 50


@pytest.mark.timeout(500)
@pytest.mark.fault(id=7, name="Network", limit="growth ≤ 50 MB a process; 503 with Retry-After; never a false 2xx")
def test_a_bad_network_neither_lies_to_clients_nor_fills_memory(root: Path, tmp_path: Path, fault: Fault) -> None:
    seconds = size(5, 60)
    with proxied_broker(root, tmp_path, fault) as (proxy, world):
        world.release()
        services = [world.start(kind) for kind in ("ingest", "validator", "stream")]
        for service in services:
            service.until_ready()
        clients = Clients(services[0].port, threads=4)
        try:
            until(lambda: world.count("predictions") > 500, 60, "all work, and are warm", every=0.5)
            memory = Memory(services)

            proxy.rules.delay_s, proxy.rules.jitter_s = 0.2, 0.05
            before, accepted = clients.statuses[503], clients.statuses[202]
            memory.watch(seconds)
            fault.figures |= {"503_with_delay": clients.statuses[503] - before, "delayed": proxy.counters["delayed"]}
            assert clients.statuses[202] > accepted
            assert proxy.counters["delayed"] > 0
            assert clients.statuses[503] == before, "delay alone made ingest refuse"
            proxy.rules.delay_s = proxy.rules.jitter_s = 0.0
            fault.note("delay of 200 ms ± 50 ms over")

            proxy.rules.reset_every_s = 2.0
            memory.watch(seconds)
            proxy.rules.reset_every_s = 0.0
            assert proxy.counters["resets"] > 0
            fault.note(f"{proxy.counters['resets']} connections cut")
            until_work_again(world, clients)
            fault.note("all work again")

            proxy.rules.blackhole = True
            refused = clients.statuses[503]
            memory.watch(size(6, 60))
            assert clients.statuses[503] > refused, "ingest did not answer 503 in the black hole"
            proxy.rules.blackhole = False
            fault.figures["again_after_blackhole_s"] = round(until_work_again(world, clients), 1)
            fault.note(f"black hole over: {proxy.counters['swallowed']} bytes had to wait")
        finally:
            clients.close()
        world.check()
        world.until_done(90)
        lost = clients.acknowledged - ids_on(world, "raw")
        fault.lost += len(lost)
        fault.figures |= {
            "acknowledged": len(clients.acknowledged), "answers": dict(clients.statuses),
            "slowest_answer_s": round(clients.slowest_s, 1), "growth_mb": memory.growth(),
            "proxy": dict(proxy.counters),
        }  # fmt: skip
        assert proxy.counters["swallowed"] > 0, "nothing fell into the black hole"
        assert clients.without_retry_after == 0
        assert not lost, sorted(lost)[:5]
        world.prove()
        assert max(memory.growth().values()) <= GROWTH_MB


class Memory:
    """Resident memory of processes, from where they were warm."""

    def __init__(self, services: list[Service]) -> None:
        self._services = services
        self._began = {service.name: service.rss_mb() for service in services}
        self._most = dict(self._began)

    def watch(self, seconds: float) -> None:
        """Looks on for so long."""
        ends = time.monotonic() + seconds
        until(lambda: self._look() or time.monotonic() >= ends, seconds + 10, "the time is over", every=0.5)

    def _look(self) -> bool:
        for service in self._services:
            self._most[service.name] = max(self._most[service.name], service.rss_mb())
        return False

    def growth(self) -> dict[str, float]:
        return {name: round(most - self._began[name], 1) for name, most in self._most.items()}
