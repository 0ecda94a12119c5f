"""Fault 5: the broker's answer to the end of a transaction does not come."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.harness.brokers import proxied_broker
from tests.faults.harness.load import Feeder
from tests.faults.harness.proxy import END_TXN
from tests.faults.harness.recording import Fault, size
from tests.support.polling import until

IN_DOUBT = "transaction in doubt"


@pytest.mark.timeout(1_500)
@pytest.mark.fault(id=5, name="Answer to EndTxn held", limit="0 torn, 0 lost, the producer is thrown away and rebuilt")
def test_a_commit_without_an_answer_is_neither_lost_nor_done_twice(root: Path, tmp_path: Path, fault: Fault) -> None:
    rounds, hold_s, timeout_ms = size(2, 20), size(5, 45), size(2_000, 10_000)
    with proxied_broker(root, tmp_path, fault) as (proxy, world):
        world.release()
        services = [world.start(kind, transaction_timeout_ms=timeout_ms) for kind in ("validator", "stream")]
        for service in services:
            service.until_ready()
        feeder = Feeder(world, size(300, 200))
        try:
            until(lambda: world.count("predictions") > 0, 60, "all work", every=0.3)
            proxy.rules.hold_api, proxy.rules.hold_s = END_TXN, hold_s
            for turn in range(rounds):
                doubts = sum(service.said(IN_DOUBT) for service in services)
                over = time.monotonic() + hold_s
                proxy.rules.holds_left = 1
                until(
                    lambda n=doubts: sum(service.said(IN_DOUBT) for service in services) > n,
                    hold_s + 30, "a commit is in doubt", every=0.1,
                )  # fmt: skip
                ends = world.end_of("predictions")
                until(lambda n=ends: world.end_of("predictions") > n, 60, "work goes on", every=0.1)
                fault.note(f"round {turn + 1}: in doubt, the producer thrown away, work goes on")
                until(lambda end=over: time.monotonic() >= end, hold_s + 5, "the answer would come")
                world.check()
            proxy.rules.hold_api = None
        finally:
            pushed = feeder.close()
        world.until_done(120)
        rebuilt = sum(service.said("transaction in doubt: over") for service in services)
        waited = [round(seconds, 1) for seconds in proxy.held_s]
        fault.figures |= {"rounds": rounds, "held_s": hold_s, "held": proxy.counters["held"], "rebuilt": rebuilt}
        fault.figures["client_hung_up_after_s"] = waited
        assert proxy.counters["held"] >= rounds, "the proxy held nothing"
        assert len(waited) >= rounds and min(waited) >= 0.0009 * timeout_ms, f"it hung up too early: {waited}"
        assert rebuilt >= rounds
        world.prove(raw=pushed)
