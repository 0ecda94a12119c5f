"""Profiles are looked at in the order of time, once, and none blocks the rest for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.detection.ordering import WINDOWS_BEHIND, WindowOrder


def profile(partition: int, window: int, ended_at: int, sealed: bool = False, topic_id: str | None = None) -> Profile:
    return Profile(
        profile_id="p", model="m", kind="features", partition=partition, window=window, sealed=sealed, topic="t",
        first_offset=0, last_offset=1, records=2, started_at=ended_at - 1, ended_at=ended_at, topic_id=topic_id,
    )  # fmt: skip


def give(order: WindowOrder, item: Profile, partitions: int = 2) -> list[tuple[int, int]]:
    if order.is_new(item) and not item.sealed:
        order.hold(item, "content")
    return [(released["partition"], released["window"]) for released in order.release(partitions)]


def test_a_window_waits_until_every_partition_has_passed_it() -> None:
    order = WindowOrder()
    assert give(order, profile(0, 0, 100)) == []
    assert give(order, profile(0, 1, 200)) == []
    assert give(order, profile(1, 0, 150)) == [(0, 0), (1, 0)]
    assert give(order, profile(1, 1, 250)) == [(0, 1)]


def test_a_repeat_is_nothing_new() -> None:
    order = WindowOrder()
    give(order, profile(0, 0, 100))
    assert not order.is_new(profile(0, 0, 100))
    assert not WindowOrder(order.to_state()).is_new(profile(0, 0, 100))


def test_a_sealed_partition_is_not_waited_for_until_it_speaks_again() -> None:
    order = WindowOrder()
    give(order, profile(0, 0, 100))
    assert give(order, profile(1, 0, 0, sealed=True)) == [(0, 0)]
    assert give(order, profile(0, 1, 200)) == [(0, 1)]
    assert give(order, profile(1, 0, 150)) == [(1, 0)]
    assert give(order, profile(0, 2, 300)) == []


def test_a_partition_that_never_speaks_holds_nothing_up_for_ever() -> None:
    order = WindowOrder()
    released = [give(order, profile(0, window, window)) for window in range(2 * WINDOWS_BEHIND + 3)]
    assert sum(len(some) for some in released) == 3


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 50)), max_size=60), st.integers(0, 60))
def test_everything_comes_out_once_and_in_order_and_a_restart_changes_nothing(
    steps: list[tuple[int, int]], cut: int
) -> None:
    windows, ends = [0, 0, 0], [0, 0, 0]
    order, restarted = WindowOrder(), WindowOrder()
    seen: list[tuple[int, int]] = []
    for number, (partition, length) in enumerate(steps):
        ends[partition] += length
        item = profile(partition, windows[partition], ends[partition])
        windows[partition] += 1
        if number == cut:
            restarted = WindowOrder(restarted.to_state())
        released = give(order, item, 3)
        assert give(restarted, item, 3) == released
        seen += released
    assert len(set(seen)) == len(seen)
    for partition in range(3):
        mine = [window for of, window in seen if of == partition]
        assert mine == sorted(mine)


def test_a_topic_made_anew_begins_with_its_first_window_and_the_one_before_has_no_more_to_say() -> None:
    order = WindowOrder()
    for window in range(5):
        order.is_new(profile(0, window, 100 * window))
    anew = profile(0, 0, 600, topic_id="second")
    assert order.is_anew(anew) and order.is_new(anew)
    order = WindowOrder(order.to_state())
    assert not order.is_anew(anew) and not order.is_new(anew), "a repeat"
    assert order.is_new(profile(0, 1, 700, topic_id="second"))
    assert not order.is_new(profile(0, 9, 800)), "of the first topic of that name"
    assert not order.is_new(profile(0, 9, 800, sealed=True)), "nor does it fall idle"
    assert order.is_new(profile(0, 0, 900, topic_id="third"))
    assert not order.is_new(profile(0, 9, 900, topic_id="second"))
    assert order.is_new(profile(1, 0, 900)), "another partition is another log"


def test_the_state_of_topics_that_are_the_first_of_their_name_is_as_it_was_before_topics_were_told_apart() -> None:
    order = WindowOrder()
    order.is_new(profile(0, 0, 100))
    assert set(order.to_state()) == {"last", "ended", "sealed", "waiting"}
