"""Exactly once is counted, whatever is done to it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidemill_operations.audit.ledger import EpochWatch, Ledger, Tally


def columns(*places: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(places, dtype=np.int64).reshape(len(places), 2)
    return table[:, 0], table[:, 1]


def ledger(expected: list[tuple[int, int]], met: list[tuple[int, int]], **options: dict[int, int]) -> Ledger:
    made = Ledger("a in b", "a", starts=options.get("starts", {}), done=options.get("done"))
    made.expect(*columns(*expected))
    made.meet(*columns(*met), "b")
    return made


def test_everything_met_once_and_in_order_is_exactly_once() -> None:
    balance = ledger([(0, 0), (0, 1), (1, 0)], [(1, 0), (0, 0), (0, 1)]).balance()
    assert balance.wrong == 0 and balance.expected == 3 and balance.examples == {}


def test_what_has_no_result_is_missing_and_named() -> None:
    balance = ledger([(0, 0), (0, 1), (1, 5)], [(0, 0)]).balance()
    assert balance.missing == 2 and balance.examples == {"missing": ["a/0/1", "a/1/5"]}


def test_a_second_result_is_too_much_even_in_another_topic() -> None:
    made = ledger([(0, 0)], [(0, 0)])
    made.meet(*columns((0, 0)), "dead letters")
    assert made.balance().duplicated == 1


def test_a_result_of_nothing_known_is_a_stranger() -> None:
    made = ledger([(0, 0)], [(0, 0), (0, 9), (3, 1)])
    made.stranger()
    assert made.balance().strangers == 3


def test_a_result_that_overtook_an_earlier_one_is_out_of_order() -> None:
    made = ledger([(0, n) for n in range(4)], [(0, 0), (0, 2)])
    made.meet(*columns((0, 1), (0, 3)), "b")
    balance = made.balance()
    assert balance.disordered == 1 and balance.missing == balance.duplicated == 0


def test_what_nobody_has_passed_yet_waits_and_disproves_nothing() -> None:
    balance = ledger([(0, 0), (0, 1), (1, 0)], [(0, 0)], done={0: 1}).balance()
    assert balance.wrong == 0 and balance.waiting == 2
    assert balance.tally == Tally(missing=2)


def test_a_result_made_while_the_audit_was_reading_is_no_stranger() -> None:
    balance = ledger([(0, 0), (0, 1)], [(0, 0), (0, 1)], done={0: 1}).balance()
    assert balance.wrong == 0 and balance.waiting == 0


def test_only_positions_from_the_start_on_count() -> None:
    balance = ledger([(0, 1), (0, 2), (0, 3)], [(0, 0), (0, 2), (0, 3)], starts={0: 2}).balance()
    assert balance.wrong == 0 and balance.expected == 2


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)))
def test_missing_and_too_much_agree_with_counting_by_hand(expected: list[int], got: list[int]) -> None:
    tally = ledger([(0, n) for n in dict.fromkeys(expected)], [(0, n) for n in sorted(got)]).balance().tally
    wanted = set(expected)
    assert tally.missing == len(wanted - set(got))
    assert tally.duplicated == (len(got) - len(set(got))) + len(set(got) - wanted)


def test_an_epoch_may_rise_but_not_go_back_within_a_partition() -> None:
    watch = EpochWatch()
    watch.add(*columns((0, 1), (1, 2), (0, 2)))
    watch.add(*columns((1, 2), (0, 2)))
    assert watch.backwards == 0
    watch.add(*columns((0, 1), (1, 3)))
    assert watch.backwards == 1 and watch.seen == 7
