"""The governor."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tidemill_learning.admission import (
    MAX_DOUBLINGS,
    MIXTURE,
    AdmissionDecision,
    PastRun,
    Policy,
    Request,
    State,
    decide,
)

HOUR = 3_600_000
POLICY = Policy(cooldown_ms=12 * HOUR, at_most=(3, 24 * HOUR))


def ask(
    hour: float, cause: str = "drift", fingerprint: str = "new", past: list[PastRun] | None = None
) -> AdmissionDecision:
    return decide(Request("r", cause, fingerprint, int(hour * HOUR)), past or [], POLICY)


def run(hour: float, state: State = "finished", version: int | None = 1, fingerprint: str = "old") -> PastRun:
    return PastRun(f"r{hour}", "drift", fingerprint, state, int(hour * HOUR), version)


def test_the_first_request_is_admitted() -> None:
    assert ask(0).admitted


def test_one_run_at_a_time_even_for_people() -> None:
    assert "one run at a time" in ask(99, past=[run(0, "started", None)]).reason
    assert not ask(99, "manual", past=[run(0, "accepted", None)]).admitted


def test_the_same_evidence_is_no_second_reason_unless_its_run_failed() -> None:
    assert "same fingerprint" in ask(99, fingerprint="old", past=[run(0)]).reason
    assert ask(99, fingerprint="old", past=[run(0, "failed", None)]).admitted


def test_cooldown_counts_event_time_from_the_last_finished_run() -> None:
    assert "cooldown" in ask(11.9, past=[run(0)]).reason
    assert ask(12, past=[run(0)]).admitted


def test_a_person_does_not_wait_for_the_cooldown() -> None:
    assert ask(1, "manual", past=[run(0)]).admitted


def test_people_may_ask_so_often_a_day_by_the_clock_whatever_time_their_requests_name() -> None:
    policy = Policy(cooldown_ms=12 * HOUR, by_hand=3)
    past = [
        PastRun(f"r{n}", "manual", f"f{n}", state, n * 1_000 * HOUR, None, admitted_ms=n * HOUR)
        for n, state in enumerate(("failed", "finished", "finished"))
    ]  # fmt: skip

    def by_hand(hour: float, cause: str = "manual") -> AdmissionDecision:
        return decide(Request("r", cause, "new", 99_999 * HOUR, asked_ms=int(hour * HOUR)), past, policy)

    refused = by_hand(3).reason
    assert refused.startswith("by hand: at most 3 runs in 24 h") and "in 21.0 h" in refused
    assert not by_hand(23.9).admitted
    assert by_hand(24).admitted, "the first of them is a day old"
    assert by_hand(3, "drift").admitted, "another cause has rules of its own"
    others = [replace(run, cause="drift") for run in past]
    asked = Request("r", "manual", "new", 0, asked_ms=3 * HOUR)
    assert decide(asked, others, policy).admitted, "what others asked for takes nothing from people"


def test_the_same_wish_sent_twice_is_one() -> None:
    past = [run(0, fingerprint="wish")]
    assert "same fingerprint" in ask(1, "manual", "wish", past).reason
    assert ask(1, "manual", "another", past).admitted


def test_at_most_so_many_within_a_duration() -> None:
    past = [run(0), run(12.5), run(25), run(37.5)]
    tight = Policy(cooldown_ms=0, at_most=(3, 48 * HOUR))
    assert "at most 3" in decide(Request("r", "drift", "f", 47 * HOUR), past, tight).reason
    assert decide(Request("r", "drift", "f", 61 * HOUR), past, tight).admitted


def test_failures_in_a_row_are_waited_out_twice_as_long_each_time() -> None:
    quick = Policy(cooldown_ms=0)
    past = [run(0, "failed", None), run(2, "failed", None), run(4, "finished", None)]
    assert "back-off after 3" in decide(Request("r", "drift", "f", 7 * HOUR), past, quick).reason
    assert decide(Request("r", "drift", "f", 8 * HOUR), past, quick).admitted
    assert decide(Request("r", "drift", "f", 5 * HOUR), [*past, run(4.5)], quick).admitted, "a version ends the row"


def test_there_is_only_one_first_version() -> None:
    assert "version already" in ask(0, "first_data", past=[run(0)]).reason
    assert ask(99, "first_data", past=[run(0, "finished", None)]).admitted


@given(st.integers(1, 200))
def test_the_back_off_is_bounded(failures: int) -> None:
    past = [PastRun(f"r{k}", "drift", f"f{k}", "failed", 0) for k in range(failures)]
    limit = 2**MAX_DOUBLINGS * HOUR
    assert decide(Request("r", "drift", "f", limit), past, Policy(cooldown_ms=0)).admitted


def test_what_label_time_asks_for_under_its_own_budget_is_stopped_by_an_open_run_alone() -> None:
    def due(past: list[PastRun]) -> AdmissionDecision:
        return decide(Request("r", "quality", "new", HOUR, budgeted=True), past, POLICY)

    assert due([run(0.9), run(0.8), run(0.7)]).admitted, "neither cooldown nor a rate"
    assert due([run(0.9, "failed", None), run(0.95, "failed", None)]).admitted, "no back-off"
    assert "one run at a time" in due([run(0.9, "started", None)]).reason


def test_a_mixture_is_no_training_for_any_rule_but_one_at_a_time() -> None:
    policy = Policy(cooldown_ms=10 * HOUR, at_most=(1, 100 * HOUR))
    asked = Request("q9", "drift", "new", event_time_ms=20 * HOUR)
    mixed = PastRun("q1", MIXTURE, "f1", "finished", 19 * HOUR, version=3)
    failed = PastRun("q2", MIXTURE, "f2", "failed", 19 * HOUR)
    assert decide(asked, [mixed, failed], policy).admitted
    running = PastRun("q3", MIXTURE, "f3", "started", 19 * HOUR)
    assert "one run at a time" in decide(asked, [running], policy).reason
