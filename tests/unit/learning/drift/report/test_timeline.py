"""Sums over event time: bounded, and the same in any order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidemill_learning.drift.report.timeline import FINEST_MS, Timeline

TIMES = st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=40)


def of(times: list[int], most: int) -> list[tuple[int, int, int]]:
    timeline = Timeline[int](most)
    for at in times:
        timeline.add(at, 1)
    return [(slot.from_ms, slot.to_ms, slot.value) for slot in timeline.slots]


@given(TIMES, st.integers(2, 9), st.randoms(use_true_random=False))
def test_the_order_makes_no_difference_and_nothing_is_lost(times: list[int], most: int, random: object) -> None:
    shuffled = sorted(times, key=lambda _: random.random())  # type: ignore[attr-defined]
    slots = of(times, most)
    assert of(shuffled, most) == slots
    assert sum(value for _, _, value in slots) == len(times)
    assert all(any(start <= at < end for start, end, _ in slots) for at in times)


@given(TIMES, st.integers(2, 9))
def test_however_long_the_time_is_there_are_few_slots_and_no_longer_than_needed(times: list[int], most: int) -> None:
    slots = of(times, most)
    assert len(slots) <= most
    width = slots[0][1] - slots[0][0]
    assert width == FINEST_MS or (max(times) // (width // 2)) - (min(times) // (width // 2)) >= most
