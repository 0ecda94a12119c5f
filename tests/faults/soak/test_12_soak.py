"""Fault 12: mixed load on all processes of the platform, and a random fault after the other.

`make soak MINUTES=30 SEED=7` is the long form. The short one is the same code with less time: it has three faults, and
prints slopes of memory without judging them, for over a minute they are the allocator's mood.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.faults.harness.recording import FULL, Fault, mode, size
from tests.faults.soak.chaos import Chaos
from tests.faults.soak.judge import DRAIN_S, accounts, drain, in_table
from tests.faults.soak.load import Mixed
from tests.faults.soak.platform import Platform
from tests.faults.soak.schedule import schedule
from tests.faults.soak.slopes import LIMIT_MB_PER_MIN, Verdict, verdict
from tests.faults.soak.watch import Watch

MINUTES = float(os.environ.get("TIDEMILL_SOAK_MINUTES") or (30 if mode() == FULL else 0.6))
EVERY_S = 60 if mode() == FULL else 12
RATE = size(60, 120)
JUDGED_MINUTES = 30
"""From here on every process lives for long enough in one half of the faults."""
SHORT_WARM_S = 20.0
SIZES = (
    "< 1 MB/min, handles and threads flat"
    if MINUTES >= JUDGED_MINUTES
    else "too short to judge memory, handles, threads"
)
pytestmark = pytest.mark.long


@pytest.mark.needs("redis-server")
@pytest.mark.timeout(MINUTES * 60 + 500)
@pytest.mark.fault(
    id=12, name="Soak", variant=f"{MINUTES:g} min",
    limit="0 lost, 0 double, lag drained ≤ 60 s after each fault; " + SIZES,
)  # fmt: skip
def test_under_mixed_load_and_a_fault_after_the_other_nothing_is_lost_and_nothing_grows(
    root: Path, tmp_path: Path, fault: Fault
) -> None:
    steps = schedule(fault.seed, round(MINUTES * 60 / EVERY_S))
    drains: dict[str, float] = {}
    with Platform(root, tmp_path, fault) as platform:
        world, chaos, watch = platform.world, Chaos(platform), Watch(platform.services)
        load = Mixed(world, RATE, platform.port("ingest"), platform.port("serve"))
        try:
            platform.until_served()
            fault.note("a first version serves")
            due = time.monotonic() - EVERY_S / 2
            for number, step in enumerate(steps, 1):
                due = max(due + EVERY_S, time.monotonic() + EVERY_S / 2)
                platform.wait(due - time.monotonic())
                load.check()
                fault.note(str(step))
                chaos.carry_out(step)
                drains[f"{number}. {step}"] = round(drain(platform, 3 * DRAIN_S), 1)
                fault.note(f"over, and drained in {drains[f'{number}. {step}']} s")
            platform.wait(EVERY_S / 2)
        finally:
            load.close()
            watch.close()
        drain(platform, 3 * DRAIN_S)
        platform.tend()
        proof = world.prove()
        found = accounts(world, load)
        untaken, taken_twice = in_table(platform)
    verdicts = _verdicts(watch)
    fault.lost += len(found["missing"]) + len(untaken)
    fault.duplicated += len(found["twice"]) + len(taken_twice)
    fault.figures |= found | {
        "missing": found["missing"][:5], "twice": found["twice"][:5], "missing_in_table": untaken[:5],
        "twice_in_table": taken_twice[:5], "troubles_of_clients": dict(load.troubles),
        "ended_by_themselves": platform.ended, "drained_s": drains, "rest_in_the_log": proof.rest_predictions,
        "sizes": [_said(one) for one in verdicts],
    }  # fmt: skip
    _print(fault, drains, verdicts)
    assert not (fault.lost or fault.duplicated), fault.figures
    assert max(drains.values()) <= DRAIN_S, drains
    breaches = [text for one in verdicts if one.judged for text in one.breaches]
    assert not breaches, breaches
    if MINUTES >= JUDGED_MINUTES:
        assert {one.name for one in verdicts if one.judged} == set(platform.services), "not every process was judged"


def _verdicts(watch: Watch) -> list[Verdict]:
    if mode() == FULL:
        found = [verdict(one) for one in watch.seen.values()]
    else:
        found = [verdict(one, SHORT_WARM_S) for one in watch.seen.values()]
    return [one for one in found if one is not None]


def _said(one: Verdict) -> str:
    return (
        f"{one.name} ({one.pid}): {one.rss_mb} MB, {one.mb_per_min:+} MB/min (limit {LIMIT_MB_PER_MIN}), handles "
        f"{one.more_handles:+g}, threads {one.more_threads:+g} over {one.seconds:.0f} s"
        + (f", beside {one.readers[0]} to {one.readers[1]} for files" if one.readers[1] else "")
        + ("" if one.judged else ", not judged: too short")
    )


def _print(fault: Fault, drains: dict[str, float], verdicts: list[Verdict]) -> None:
    print(f"\nsoak of {MINUTES:g} min, seed {fault.seed}: {fault.lost} lost, {fault.duplicated} double (limits 0)")
    for name, seconds in drains.items():
        print(f"  {name}: drained in {seconds} s (limit {DRAIN_S:.0f} s)")
    for one in verdicts:
        print(f"  {_said(one)}")
