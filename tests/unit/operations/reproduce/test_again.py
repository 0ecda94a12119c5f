"""A version that is made again is held against its threshold too, where it has one."""

from __future__ import annotations

import pytest

from tidemill_operations.reproduce.again import compared_threshold


def test_where_wrong_decisions_cost_nothing_there_is_no_threshold_to_compare() -> None:
    assert compared_threshold(None, None, trained=True) == compared_threshold(None, None, trained=False) == []


@pytest.mark.parametrize(
    ("recorded", "found", "agrees"),
    [(0.1, 0.1, True), (0.3, 0.1 + 0.2, False), (0.1, None, False), (None, 0.1, False)],
)
def test_thresholds_agree_to_the_last_digit_or_not_at_all(
    recorded: float | None, found: float | None, agrees: bool
) -> None:
    (one,) = compared_threshold(recorded, found, trained=True)
    assert one.agrees == agrees


def test_a_threshold_that_was_not_made_again_does_not_agree() -> None:
    (one,) = compared_threshold(0.1, None, trained=False)
    assert (one.agrees, one.recorded, one.found) == (False, "0.1", "")
