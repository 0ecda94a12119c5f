"""Fits follow each other under a budget for as long as they pay, and leave something of it for a change."""

from __future__ import annotations

import itertools
import json

from tidemill_learning.label_time.fit_schedule import AFTER_CHANGE, Budget, FitSchedule

BUDGET = Budget(15, 40_000)


def fits(schedule: FitSchedule, labels: int, *, paying: bool) -> list[int]:
    """Rows at which fits were due in so many labels; each pays, or none does."""
    due = []
    for rows in range(1, labels + 1):
        schedule.label()
        if schedule.due(rows):
            due.append(rows)
            schedule.fitted(rows)
            schedule.made()
            if paying:
                schedule.paid()
    return due


def test_where_no_fit_pays_they_become_rare() -> None:
    assert fits(FitSchedule(2_000, BUDGET), 40_000, paying=False) == [2_000, 4_000, 8_000, 16_000, 32_000]


def test_fits_that_pay_follow_each_other_as_the_budget_allows() -> None:
    due = fits(FitSchedule(2_000, BUDGET), 40_000, paying=True)
    assert 11 <= len(due) <= BUDGET.fits
    gaps = [later - sooner for sooner, later in itertools.pairwise(due)]
    assert max(gaps) < 5_500, "once they pay none waits for rows that double"
    assert max(gaps[4:]) <= 4_000


def test_fits_that_pay_leave_two_tokens_for_a_change() -> None:
    schedule = FitSchedule(2_000, BUDGET)
    fits(schedule, 30_000, paying=True)
    assert schedule.tokens >= 2.0
    schedule.changed()
    assert schedule.due(AFTER_CHANGE)
    schedule.fitted(AFTER_CHANGE)
    assert not schedule.due(4 * AFTER_CHANGE - 1) and schedule.due(4 * AFTER_CHANGE)


def test_a_takeover_before_the_first_fit_since_a_change_hurries_nothing() -> None:
    schedule = FitSchedule(2_000, BUDGET)
    schedule.changed()
    schedule.paid()
    assert schedule.next_at == AFTER_CHANGE and not schedule.due(AFTER_CHANGE - 1)


def test_it_is_carried_over_a_restart() -> None:
    schedule = FitSchedule(2_000, BUDGET)
    fits(schedule, 9_000, paying=True)
    again = FitSchedule(2_000, BUDGET, json.loads(json.dumps(schedule.to_state())))
    assert fits(again, 20_000, paying=True) == fits(schedule, 20_000, paying=True)
