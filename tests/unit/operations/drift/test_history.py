"""What was asked for, what admission said, and what came of it, over the stream's own time."""

from __future__ import annotations

from typing import Any

from tidemill_operations.drift.event_clock import EventClock
from tidemill_operations.drift.history import Ask, asks
from tidemill_operations.feed import News

HOUR_MS = 3_600_000


def request(name: str, **over: Any) -> News:
    datum = {
        "request_id": name, "cause": "quality", "requested_by": "drift", "event_time": 5 * HOUR_MS,
        "change_point": None, "evidence": [{"detail": "worse", "subject": "roc_auc"}], **over,
    }  # fmt: skip
    return News("retrain_requests", 0, 1, 100, datum)


def run(name: str, state: str, at: int, reason: str = "", **over: Any) -> News:
    datum = {"request_id": name, "cause": "quality", "state": state, "reason": reason, "version": None, "outcome": None,
             "change_point": None, **over}  # fmt: skip
    return News("retrain_runs", 0, at, at, datum)


def test_a_request_has_admissions_word_and_what_came_of_it_beside_it() -> None:
    runs = [run("a", "accepted", 1, "all rules allow it"), run("a", "started", 2, "attempt 1"),
            run("a", "finished", 3, "better", version=4, outcome="passed"),
            run("b", "refused", 4, "cooldown: 1 h")]  # fmt: skip
    made, refused, open_one = asks([request("a"), request("b"), request("c")], runs, EventClock())
    assert made.evidence == ("roc_auc: worse",)
    assert (made.admission, made.reason) == ("accepted", "all rules allow it")
    assert (made.came_of, made.version) == ("version 4; gate passed: better", 4)
    assert (refused.admission, refused.reason, refused.came_of) == ("refused", "cooldown: 1 h", "")
    assert (open_one.admission, open_one.came_of, open_one.at_ms) == ("", "", 5 * HOUR_MS)


def test_a_run_that_failed_or_is_in_work_says_so() -> None:
    failed, works = asks([], [run("a", "accepted", 1), run("a", "failed", 2, "no rows"), run("b", "accepted", 1),
                              run("b", "started", 2, "waits for rows")], EventClock())  # fmt: skip
    assert failed.came_of == "no version; no rows"
    assert works.came_of == "in work: waits for rows"


def test_a_fit_that_was_due_has_no_request_and_stands_where_the_stream_stood() -> None:
    clock = EventClock()
    clock.add(10, 7 * HOUR_MS)
    change = {"event_time": 6 * HOUR_MS}
    (found,) = asks([], [run("due", "accepted", 12, change_point=change)], clock)
    assert (found.at_ms, found.changed_ms, found.by, found.cause) == (7 * HOUR_MS, 6 * HOUR_MS, "trainer", "quality")


def test_a_run_that_mixes_versions_is_told_as_one_whatever_it_was_asked_for() -> None:
    shares = [{"version": 2, "weight": 0.75}, {"version": 1, "weight": 0.25}]
    (found,) = asks([], [run("mix", "accepted", 12, mixture=shares)], EventClock())
    assert found.cause == "mixture"


def test_a_stream_whose_time_is_not_known_gives_no_place() -> None:
    (found,) = asks([], [run("due", "accepted", 12)], EventClock())
    assert isinstance(found, Ask) and found.at_ms is None


def test_event_time_never_goes_back_on_the_clock() -> None:
    clock = EventClock()
    for appended, at in ((30, 50), (10, 40), (20, 60)):
        clock.add(appended, at)
    assert [clock.at(when) for when in (5, 10, 25, 30)] == [None, 40, 60, 60]
