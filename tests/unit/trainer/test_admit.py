"""Requests become rows, by themselves where data or the calendar ask for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.trainer.fixtures import HOUR, SPEC, request
from tidemill.clock import FixedClock
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.store import Outcome, RunStore


@pytest.fixture
def schemas(root: Path) -> SchemaCatalog:
    return SchemaCatalog.load(root / "schemas", {})


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    engine = connect(f"sqlite:///{tmp_path / 'trainer.db'}")
    migrate(engine)
    return RunStore(engine, FixedClock(1), "trainer-0", 30, 2)


@pytest.fixture
def admission(store: RunStore, schemas: SchemaCatalog) -> Admission:
    return Admission(store, {"tide": SPEC}, Codec(schemas), schemas, FixedClock(1))


def test_a_request_from_the_topic_is_taken_once(admission: Admission, store: RunStore, schemas: SchemaCatalog) -> None:
    value = Codec(schemas).encode_one(request().to_dict(), schemas.platform("retrain-request"))
    admission.take(value, None)
    admission.take(value, None)
    assert [one.event.state for one in store.unsent()] == ["accepted"]


def test_what_cannot_be_read_or_is_another_models_is_passed_over(admission: Admission, store: RunStore) -> None:
    admission.take(b"rubbish", None)
    assert store.unsent() == []


def test_a_run_is_always_traced_and_goes_on_in_its_requests_trace_where_that_is_sampled(
    admission: Admission, store: RunStore
) -> None:
    sampled = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    admission.admit(request("q1"), sampled)
    admission.admit(request("q2"), sampled[:-1] + b"0")
    told = [one.traceparent.encode() for one in store.unsent()]
    assert told[0] == sampled
    parsed = parse_traceparent(told[1])
    assert parsed is not None and parsed[2] and told[1] != sampled


def test_the_schedule_asks_when_so_much_event_time_has_passed_since_the_last_run(
    admission: Admission, store: RunStore
) -> None:
    assert not admission.ask_by_schedule("tide", 100 * HOUR), "there is nothing to repeat yet"
    admission.admit(request())
    claim = store.claim()
    assert claim is not None
    store.finish(claim, Outcome("gate passed", (), {}, (), store.version_of(claim)))
    assert not admission.ask_by_schedule("tide", 7 * 24 * HOUR - 1)
    assert admission.ask_by_schedule("tide", 7 * 24 * HOUR)
    assert not admission.ask_by_schedule("tide", 7 * 24 * HOUR), "the same request again"


def test_a_flood_of_requests_by_hand_trains_so_often_a_day_and_the_rest_is_refused_with_the_reason(
    store: RunStore, schemas: SchemaCatalog
) -> None:
    admission = Admission(store, {"tide": SPEC}, Codec(schemas), schemas, FixedClock(1), by_hand=3)
    for n in range(20):
        wish = replace(request(f"q{n}"), cause="manual", fingerprint=f"f{n}", event_time=n * 1_000 * HOUR)
        if admission.admit(wish):
            claim = store.claim()
            assert claim is not None
            store.finish(claim, Outcome("gate passed", (), {}, (), store.version_of(claim)))
    told = [one.event for one in store.unsent()]
    assert sum(event.state == "accepted" for event in told) == 3
    refused = [event.reason for event in told if event.state == "refused"]
    assert len(refused) == 17 and all("by hand: at most 3 runs in 24 h" in reason for reason in refused)
