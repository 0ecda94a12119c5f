"""Which backups stay: laws over any times, and a year of daily backups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill_operations.backup.retention import Policy, kept

TIMES = st.lists(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)), max_size=60)
POLICIES = st.builds(Policy, st.integers(1, 9), st.integers(0, 6), st.integers(0, 14))


@given(TIMES, POLICIES)
def test_the_newest_stays_and_no_more_than_was_asked_for(times: list[datetime], policy: Policy) -> None:
    found = kept(times, policy)
    assert found.keys() <= set(times)
    assert len(found) <= policy.daily + policy.weekly + policy.monthly
    if times:
        assert max(times) in found


@given(TIMES, POLICIES)
def test_what_stays_stays_when_the_others_are_gone(times: list[datetime], policy: Policy) -> None:
    found = kept(times, policy)
    assert kept(found, policy) == found


@given(TIMES, POLICIES)
def test_each_of_the_last_days_weeks_and_months_that_have_a_backup_keeps_its_newest(
    times: list[datetime], policy: Policy
) -> None:
    found = kept(times, policy)
    days: dict[object, datetime] = {}
    months: dict[object, datetime] = {}
    for at in sorted(times):
        days[at.date()] = at
        months[at.year, at.month] = at
    assert set(list(days.values())[-policy.daily :]) <= found.keys()
    assert set(list(months.values())[len(months) - min(policy.monthly, len(months)) :]) <= found.keys()


def test_a_year_of_daily_backups_leaves_seven_days_four_weeks_and_twelve_months() -> None:
    """Taken and expired day by day, as a job does: what must stay later was not let go before."""
    stays: list[datetime] = []
    for day in range(500):
        now = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=day)
        stays = list(kept([*stays, now], Policy()))
        ages = sorted((now - at).days for at in stays)
        assert ages[: min(7, day + 1)] == list(range(min(7, day + 1)))
        if day > 400:
            assert 304 <= ages[-1] <= 336, "the newest of the month eleven months ago"
            assert len({(at.year, at.month) for at in stays}) == 12
            assert len({at.isocalendar()[:2] for at in stays if (now - at).days < 28}) >= 4


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 4, 12)])
def test_a_policy_that_keeps_nothing_is_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="keep at least one backup"):
        Policy(*counts)
