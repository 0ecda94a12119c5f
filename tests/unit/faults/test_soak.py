"""What judges a soak: slopes that one peak does not move, and a schedule that leaves each process a half of its own."""

from __future__ import annotations

import random

import pytest

from tests.faults.soak.schedule import AROUND, KILL, KINDS, TERMINATE, schedule
from tests.faults.soak.slopes import LIMIT_MB_PER_MIN, Incarnation, Sample, theil_sen, verdict


def incarnation(mb_per_min: float, *, seconds: int = 900, handles: int = 40, more: int = 0) -> Incarnation:
    """Two minutes of a steep beginning, then this slope with noise and a peak; `more` handles come halfway."""
    chance = random.Random(3)
    samples = []
    for at in range(seconds):
        warm = min(at, 120) + mb_per_min * at / 60
        peak = 200 if 400 <= at < 430 else 0
        later = more if at > seconds / 2 + 90 else 0
        samples.append(Sample(float(at), 100 + warm + peak + chance.gauss(0, 2), handles + later, 12))
    return Incarnation("validator", 1, samples)


def test_the_slope_is_that_of_most_pairs() -> None:
    points = [(float(at), 2.0 * at) for at in range(100)]
    points[10:30] = [(at, 9_999.0) for at, _ in points[10:30]]
    assert theil_sen(points) == pytest.approx(2.0, abs=0.2)
    assert theil_sen([(1.0, 5.0)]) == 0.0


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.7, 6.0])
def test_a_leak_is_told_from_a_beginning_and_a_peak(slope: float) -> None:
    found = verdict(incarnation(slope))
    assert found is not None and found.judged
    assert found.mb_per_min == pytest.approx(slope, abs=0.25)
    assert bool(found.breaches) == (slope >= LIMIT_MB_PER_MIN)


def test_handles_that_stay_open_are_found() -> None:
    found = verdict(incarnation(0.0, more=20))
    assert found is not None
    assert found.breaches == ["validator (1): +20 file handles (limit 5)"]


def test_what_was_seen_for_too_short_is_told_and_not_judged() -> None:
    found = verdict(incarnation(5.0, seconds=400))
    assert found is not None and not found.judged
    assert verdict(incarnation(5.0, seconds=100)) is None


@pytest.mark.parametrize("seed", range(20))
def test_every_process_is_ended_in_one_half_alone_and_every_fault_comes(seed: int) -> None:
    steps = schedule(seed, 30)
    assert len(steps) == 30
    halves = [{s.kind for s in half if s.fault in (KILL, TERMINATE)} for half in (steps[:15], steps[15:])]
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == set(KINDS)
    assert set(AROUND) <= {step.fault for step in steps[:15]} & {step.fault for step in steps[15:]}
    assert steps == schedule(seed, 30)
    short = schedule(seed, 3)
    assert [step.fault == KILL for step in short] == [True, False, True]
    assert short[1].fault in AROUND
