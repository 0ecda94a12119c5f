from __future__ import annotations

import numpy as np
from benchmarks.load.swap_findings import AFTER_MS, during, once, stepped_back, went_back
from hypothesis import given
from hypothesis import strategies as st


def test_a_request_counts_as_during_a_swap_if_it_was_under_way_at_any_moment_of_it() -> None:
    due = np.array([0.0, 0.0, 105.0, 100.0, 110.0 + AFTER_MS, 111.0 + AFTER_MS])
    done = np.array([99.0, 100.0, 106.0, 900.0, 500.0, 500.0])
    assert during(due, done, [(100.0, 110.0)]).tolist() == [False, True, True, True, True, False]
    assert not during(due, done, []).any()


def test_an_answer_goes_back_if_a_newer_one_was_there_before_it_was_asked_for() -> None:
    began, done = np.array([0.0, 1.0, 5.0, 9.0]), np.array([4.0, 3.0, 6.0, 10.0])
    assert went_back(began, done, np.array([1, 2, 2, 2])) == 0, "two that overlap may come in any order"
    assert went_back(began, done, np.array([1, 2, 1, 2])) == 1
    assert went_back(began, done, np.array([3, 2, 2, 2])) == 2
    assert went_back(np.array([]), np.array([]), np.array([])) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(1, 4)), max_size=30))
def test_going_back_is_counted_as_its_definition_says(rows: list[tuple[int, int, int]]) -> None:
    began = np.array([begin for begin, _, _ in rows], dtype=float)
    done = np.array([begin + took for begin, took, _ in rows], dtype=float)
    epochs = np.array([epoch for _, _, epoch in rows])
    wanted = sum(any(d < b and e > epoch for d, e in zip(done, epochs, strict=True)) for b, _, epoch in rows)
    assert went_back(began, done, epochs) == wanted


def test_a_partition_steps_back_for_itself_alone() -> None:
    assert stepped_back(np.array([0, 1, 0, 1, 0]), np.array([1, 3, 2, 3, 2])) == 0
    assert stepped_back(np.array([0, 1, 0, 1, 0]), np.array([2, 3, 1, 2, 2])) == 2


def test_what_is_wanted_is_found_once() -> None:
    assert once("abc", "abc") == (0, 0)
    assert once("abc", "ab") == (1, 0)
    assert once("abc", "abcc") == (0, 1)
    assert once("abc", "abcdd") == (0, 2), "nobody asked for d"
