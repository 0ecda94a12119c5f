"""When a child is started again, and when not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidemill_embedded.processes.restart_policy import GiveUp, Restart, RestartHistory, RestartPolicy

POLICY = RestartPolicy(first_s=0.2, longest_s=1.0, limit=5, window_s=60.0, fenced_s=3.0)


def test_pauses_double_up_to_the_longest() -> None:
    history = RestartHistory(POLICY)
    verdicts = [history.ended(1, now) for now in range(5)]
    assert verdicts == [Restart(0.2), Restart(0.4), Restart(0.8), Restart(1.0), Restart(1.0)]
    assert history.restarts == 5


def test_the_sixth_end_within_the_window_is_one_too_many() -> None:
    history = RestartHistory(POLICY)
    for now in range(5):
        history.ended(1, now)
    verdict = history.ended(-9, 59.0)
    assert isinstance(verdict, GiveUp)
    assert "6 times within 60 s" in verdict.reason
    assert "signal 9" in verdict.reason


def test_ends_before_the_window_count_no_more() -> None:
    history = RestartHistory(POLICY)
    for now in range(5):
        history.ended(1, now)
    assert history.ended(1, 65.0) == Restart(0.2)


def test_a_wrong_configuration_is_not_tried_again() -> None:
    verdict = RestartHistory(POLICY).ended(2, 0.0)
    assert isinstance(verdict, GiveUp)
    assert "configuration" in verdict.reason


def test_a_fenced_process_waits_longer() -> None:
    assert RestartHistory(POLICY).ended(3, 0.0) == Restart(3.0)


def test_a_clean_end_that_nobody_asked_for_is_an_end_like_any_other() -> None:
    assert RestartHistory(POLICY).ended(0, 0.0) == Restart(0.2)


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=60), st.sampled_from([0, 1, 3, -9, -15]))
def test_never_more_restarts_within_a_window_than_the_limit(gaps: list[float], code: int) -> None:
    history, now, restarts = RestartHistory(POLICY), 0.0, []
    for gap in gaps:
        now += gap
        if isinstance(history.ended(code, now), Restart):
            restarts.append(now)
    for start in restarts:
        most = POLICY.unsaid_limit if code < 0 else POLICY.limit
        assert sum(start <= at < start + POLICY.window_s for at in restarts) <= most


def test_ends_that_a_record_may_be_the_reason_of_are_more_than_it_takes_to_find_it() -> None:
    history = RestartHistory(POLICY)
    assert all(isinstance(history.ended(code, now), Restart) for now, code in enumerate([-11] * 6 + [4, 134, -9, -6]))
    assert isinstance(history.ended(-11, 20.0), GiveUp)
