"""Where a reader goes on in a log that does not hold its place, and what a commit says of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.kafka.partitions.marks import Mark, Resumption, go_on

MARKS = st.builds(Mark, st.sampled_from(["", "a", "b"]), st.integers(0, 2**40), st.integers(0, 9))


def test_what_was_removed_unread_is_counted_and_adds_up() -> None:
    found = go_on(5, Mark("a", 7), 15, 20, "a")
    assert (found.start, found.removed, found.mark) == (15, 10, Mark("a", 17))
    assert found.why is not None and "10 offsets, 5 to 14, were removed" in found.why


def test_a_topic_made_anew_begins_at_its_first_offset_wherever_the_old_one_stood() -> None:
    for at in (0, 3, 900):
        found = go_on(at, Mark("a", 7), 2, 500, "b")
        assert (found.start, found.removed, found.mark, found.anew) == (2, 0, Mark("b", 7, 1), True)
        assert found.why is not None and "made anew" in found.why


def test_an_end_that_the_brokers_have_lost_is_said_and_nothing_is_read_twice() -> None:
    found = go_on(90, Mark("a"), 0, 80, "a")
    assert (found.start, found.removed) == (80, 0)
    assert found.why is not None and "lost its end" in found.why


def test_without_ids_a_log_that_ends_before_our_place_is_taken_for_another_and_read_from_its_beginning() -> None:
    assert go_on(90, Mark(), 0, 80, "").start == 0


def test_what_holds_our_place_is_read_on_without_a_word() -> None:
    assert go_on(5, Mark("a", 7), 0, 5, "a") == Resumption(5, Mark("a", 7))


@given(
    at=st.integers(0, 100),
    mark=MARKS,
    low=st.integers(0, 100),
    more=st.integers(0, 100),
    now=st.just("") | st.just("a"),
)
def test_it_goes_on_within_the_log_and_counts_no_less_than_before(
    at: int, mark: Mark, low: int, more: int, now: str
) -> None:
    found = go_on(at, mark, low, low + more, now)
    assert low <= found.start <= low + more
    assert found.mark.removed == mark.removed + found.removed >= mark.removed
    assert (found.start == at) or found.why


def test_a_mark_of_before_renewals_were_counted_is_of_a_topic_that_is_the_first_of_its_name() -> None:
    assert Mark.parse('{"topic_id":"a","removed":7}') == Mark("a", 7, 0)


@given(mark=MARKS)
def test_a_mark_is_read_as_it_was_committed(mark: Mark) -> None:
    assert Mark.parse(mark.text()) == mark


@pytest.mark.parametrize("text", [None, "", "0", "[]", "null", "{", '{"removed": "x"}', "a note of another program"])
def test_what_another_program_committed_says_nothing(text: str | None) -> None:
    assert Mark.parse(text) == Mark()
