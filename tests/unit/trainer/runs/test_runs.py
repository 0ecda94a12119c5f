"""Runs in SQL: admitted once, claimed by one, told of exactly as they went."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.unit.trainer.fixtures import reference, request
from tidemill.clock import FixedClock
from tidemill_learning.admission import AdmissionDecision
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.store import Claim, LeaseLost, Outcome, RunStore

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = connect(f"sqlite:///{tmp_path / 'trainer.db'}")
    migrate(made)
    return made


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(1_000_000)


def store(engine: Engine, clock: FixedClock, owner: str = "trainer-0") -> RunStore:
    return RunStore(engine, clock, owner, lease_s=30, max_attempts=2)


def admit(runs: RunStore, request_id: str = "q1", **over: str) -> AdmissionDecision | None:
    return runs.admit(request(request_id, **over), TRACE, lambda past: AdmissionDecision(True, "fine"))  # type: ignore[arg-type]


def claimed(runs: RunStore) -> Claim:
    claim = runs.claim()
    assert claim is not None
    return claim


def states(runs: RunStore) -> list[str]:
    return [one.event.state for one in runs.unsent()]


def test_a_request_is_recorded_once_however_often_it_comes(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    assert admit(runs) == AdmissionDecision(True, "fine")
    assert admit(runs) is None
    assert states(runs) == ["accepted"]


def test_a_refusal_is_recorded_and_told_with_its_reason_and_is_not_worked_on(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    runs.admit(request(), TRACE, lambda past: AdmissionDecision(False, "cooldown"))
    (told,) = runs.unsent()
    assert (told.event.state, told.event.reason) == ("refused", "cooldown")
    assert runs.claim() is None and runs.past("tide") == []


def test_the_governor_sees_the_admitted_runs_of_its_model_oldest_first(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    admit(runs, "q1")
    clock.advance(1)
    seen: list[str] = []
    runs.admit(
        request("q2"), TRACE, lambda past: seen.extend(run.request_id for run in past) or AdmissionDecision(True, "")
    )  # type: ignore[func-returns-value]
    assert seen == ["q1"]


def test_a_claimed_run_is_nobody_elses_until_its_lease_runs_out(engine: Engine, clock: FixedClock) -> None:
    one, other = store(engine, clock), store(engine, clock, "trainer-1")
    admit(one)
    claim = claimed(one)
    assert (claim.attempt, claim.traceparent) == (1, TRACE)
    assert other.claim() is None
    clock.advance(29_000)
    one.extend(claim)
    clock.advance(29_000)
    assert other.claim() is None, "the heartbeat has extended the lease"
    clock.advance(2_000)
    assert claimed(other).attempt == 2
    with pytest.raises(LeaseLost):
        one.finish(claim, Outcome("late", (), {}, ()))
    with pytest.raises(LeaseLost):
        one.extend(claim)


def test_a_restarted_trainer_takes_its_own_runs_up_at_once(engine: Engine, clock: FixedClock) -> None:
    admit(store(engine, clock))
    claimed(store(engine, clock))
    again = store(engine, clock)
    assert again.claim() is None
    assert again.release_own_leases() == 1
    assert claimed(again).attempt == 2


def test_a_run_given_back_at_shutdown_loses_no_attempt(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    admit(runs)
    runs.give_back(claimed(runs))
    assert claimed(runs).attempt == 1


def test_a_run_begun_too_often_is_failed_and_the_next_is_taken(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    admit(runs, "q1")
    clock.advance(1)
    admit(runs, "q2")
    for _ in range(2):
        runs.retry(claimed(runs))
        clock.advance(1)
    assert claimed(runs).request_id == "q2"
    assert [run.state for run in runs.past("tide")] == ["failed", "started"]


def test_versions_count_up_and_a_run_keeps_its_own_through_a_retry(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    admit(runs, "q1")
    first = claimed(runs)
    assert runs.version_of(first) == runs.version_of(first) == 1
    runs.retry(first)
    clock.advance(1)
    again = claimed(runs)
    assert runs.version_of(again) == 1
    assert runs.has_version("tide") and not runs.has_version("other")
    runs.finish(again, Outcome("gate passed", (), {"roc_auc": 0.7}, (3, 4), 1, reference(1)))
    clock.advance(1)
    admit(runs, "q2")
    assert runs.version_of(claimed(runs)) == 2
    assert runs.artifact("tide", 1) == (reference(1), (3, 4)) and runs.artifact("tide", 9) is None


def test_each_state_is_told_once_in_order_with_the_outcome_and_its_trace(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    admit(runs)
    runs.retry(claimed(runs))
    clock.advance(1)
    claim = claimed(runs)
    runs.finish(claim, Outcome("gate passed", (), {"roc_auc": 0.7}, (3, 4), runs.version_of(claim), reference(1)))
    told = runs.unsent()
    assert [one.event.state for one in told] == ["accepted", "started", "finished"]
    assert {one.event.event_id for one in told} == {
        f"{claim.run_id}/{state}" for state in ("accepted", "started", "finished")
    }
    assert (
        told[2].event.artifact == reference(1)
        and told[2].event.start_offsets == (3, 4)
        and told[2].traceparent == TRACE
    )
    runs.mark_sent([told[0].id, told[1].id])
    assert states(runs) == ["finished"]


def test_a_failed_run_says_why(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    admit(runs)
    runs.fail(claimed(runs), "too few rows")
    assert runs.unsent()[-1].event.reason == "too few rows" and runs.claim() is None


def test_a_wait_is_told_once_for_each_reason_and_costs_no_attempt(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    admit(runs)
    claim = claimed(runs)
    for reason in ("the store is full", "the store is full", "the store is away"):
        clock.advance(1_000)
        runs.waits(claim, reason)
    told = [(one.event.state, one.event.reason) for one in runs.unsent()][2:]
    assert told == [("started", "the store is full"), ("started", "the store is away")]
    assert len({one.event.event_id for one in runs.unsent()}) == 4
    runs.extend(claim)  # it is ours still


def test_a_run_that_is_given_up_says_what_its_last_attempt_died_of(engine: Engine, clock: FixedClock) -> None:
    runs = store(engine, clock)
    admit(runs)
    for _ in range(2):
        runs.retry(claimed(runs), "the training process ended in the midst of its work")
        clock.advance(1)
    assert runs.claim() is None
    last = runs.unsent()[-1].event
    assert (last.state, last.reason) == (
        "failed", "given up after 2 attempts: the training process ended in the midst of its work",
    )  # fmt: skip
