"""Too many bad records among the newest pause a topic; a few, or old ones that a person has seen, do not."""

from __future__ import annotations

import pytest

from tidemill_validator.checks.flood import Flooded, FloodGuard


def check(guard: FloodGuard, first: int, bad: list[bool], partition: int = 0) -> None:
    offsets = range(first, first + len(bad))
    guard.check([partition] * len(bad), offsets, [k for k, one in enumerate(bad) if one])


def test_below_the_share_everything_passes() -> None:
    guard = FloodGuard("t", 0.5, 10)
    for turn in range(20):
        check(guard, 5 * turn, [True, True, False, False, False])


def test_at_the_share_it_says_where() -> None:
    guard = FloodGuard("t", 0.5, 10)
    check(guard, 0, [False] * 10)
    with pytest.raises(Flooded, match="5 of 10 records are bad in t/0, offsets 5 to 14"):
        check(guard, 10, [True] * 6)


def test_a_window_that_is_not_full_tells_nothing() -> None:
    check(FloodGuard("t", 0.5, 10), 0, [True] * 9)


def test_partitions_are_watched_each_for_itself() -> None:
    guard = FloodGuard("t", 1.0, 4)
    guard.check([0, 1] * 3, [0, 0, 1, 1, 2, 2], range(6))
    with pytest.raises(Flooded):
        check(guard, 3, [True], partition=1)


def test_records_that_come_again_after_an_aborted_transaction_are_not_counted_twice() -> None:
    guard = FloodGuard("t", 0.6, 10)
    check(guard, 0, [False] * 5)
    for _ in range(5):
        check(guard, 5, [True] * 5)


def test_a_batch_that_floods_is_not_remembered_and_floods_again() -> None:
    guard = FloodGuard("t", 0.5, 4)
    for _ in range(2):
        with pytest.raises(Flooded):
            check(guard, 0, [True] * 4)


def test_what_a_person_admitted_is_no_flood_and_what_comes_after_is() -> None:
    guard = FloodGuard("t", 0.5, 4)
    guard.admitted = (4,)
    check(guard, 0, [True] * 4)
    with pytest.raises(Flooded):
        check(guard, 4, [True] * 4)
