"""Simulated time runs at its speed, and waits where the platform cannot follow."""

from __future__ import annotations

import pytest

from tidemill_flights.feed.sim_clock import SimClock, pace_for


def test_time_passes_at_the_given_speed() -> None:
    clock = SimClock(now=1_000.0, speed=10.0, longest_step_ms=1e9)
    clock.advance(5.0)
    assert clock.advance(6.0) == 1_000 + 10 * 1_000


def test_back_pressure_slows_time_down_and_stops_it() -> None:
    clock = SimClock(now=0.0, speed=1.0, longest_step_ms=1e9)
    clock.advance(0.0)
    assert clock.advance(1.0, pace=0.5) == 500
    assert clock.advance(2.0, pace=0.0) == 500


def test_a_stalled_caller_does_not_burst_afterwards() -> None:
    clock = SimClock(now=0.0, speed=1.0, longest_step_ms=250)
    clock.advance(0.0)
    assert clock.advance(60.0) == 250


@pytest.mark.parametrize(("backlog", "pace"), [(0, 1.0), (100, 1.0), (150, 0.5), (200, 0.0), (999, 0.0)])
def test_pace_falls_from_the_comfortable_backlog_to_the_most(backlog: int, pace: float) -> None:
    assert pace_for(backlog, comfortable=100, most=200) == pace
