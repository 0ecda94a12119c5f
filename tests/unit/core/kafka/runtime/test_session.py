from __future__ import annotations

import threading
import weakref
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from tests.support.polling import until
from tests.unit.core.kafka.fakes import FakeProducer, failure
from tidemill.errors import FatalError, Fenced, RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.runtime import transaction as session_module
from tidemill.kafka.runtime.transaction import Aborted, InDoubt, Overdue, TransactionSession

OFFSETS = [TopicPartition("in", 0, 5)]
CONFIG = {"transactional.id": "worker-0", "transaction.timeout.ms": 10_000}


class Bench:
    """A session over fake producers, every one of which it remembers."""

    def __init__(self, failures: dict[str, Exception] | None = None) -> None:
        self.producers: list[FakeProducer] = []
        self.failures = failures or {}
        self.session = TransactionSession(CONFIG, factory=self.make)  # type: ignore[arg-type]
        self.session.open()

    def make(self, config: dict[str, Any]) -> FakeProducer:
        self.producers.append(FakeProducer(config, self.failures))
        return self.producers[-1]

    def commit(self) -> None:
        self.session.commit([Output("out", [b"v"], [b"k"], 3)], OFFSETS, b"metadata")


def test_outputs_and_offsets_go_into_one_transaction() -> None:
    bench = Bench()
    bench.commit()
    assert bench.producers[0].calls == ["init", "begin", "produce", "offsets", "commit"]
    assert bench.producers[0].records == [("out", b"v", b"k", 3, None, None, 0, None)]


def test_an_abortable_error_leaves_a_session_that_can_be_used_again() -> None:
    bench = Bench({"offsets": failure(KafkaError.ILLEGAL_GENERATION, abort=True)})
    with pytest.raises(Aborted):
        bench.commit()
    assert bench.producers[0].calls[-1] == "abort"
    assert bench.session.is_open
    bench.commit()
    assert len(bench.producers) == 1


@pytest.mark.parametrize("step", ["offsets", "commit"])
def test_a_time_out_throws_the_producer_away(step: str) -> None:
    bench = Bench({step: failure(KafkaError._TIMED_OUT, retriable=True)})
    with pytest.raises(InDoubt):
        bench.commit()
    assert not bench.session.is_open
    assert "abort" not in bench.producers[0].calls
    with pytest.raises(InDoubt):
        bench.commit()
    bench.session.open()
    bench.commit()
    assert len(bench.producers) == 2


def test_a_failed_abort_throws_the_producer_away() -> None:
    bench = Bench(
        {
            "commit": failure(KafkaError.ILLEGAL_GENERATION, abort=True),
            "abort": failure(KafkaError._TIMED_OUT, retriable=True),
        }
    )
    with pytest.raises(InDoubt, match="and the abort"):
        bench.commit()
    assert not bench.session.is_open


@pytest.mark.parametrize("code", [KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED])
def test_a_fenced_producer_says_so_and_what_to_do(code: int) -> None:
    bench = Bench({"commit": failure(code, fatal=True)})
    with pytest.raises(Fenced, match=r"worker-0: give each its own TIDEMILL_INSTANCE"):
        bench.commit()


class Clock:
    """Time that stands still until a test lets it jump."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(session_module.time, "monotonic", lambda: self.now)


def test_a_producer_fenced_for_an_overdue_transaction_was_frozen_and_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, clock = Bench({"commit": failure(KafkaError._FENCED, fatal=True)}), Clock(monkeypatch)
    begin = bench.producers[0].begin_transaction

    def begin_and_freeze() -> None:
        begin()
        clock.now += 60.0

    bench.producers[0].begin_transaction = begin_and_freeze  # type: ignore[method-assign]
    monkeypatch.setattr(session_module, "produce_all", lambda *_: None)
    with pytest.raises(Overdue, match="overdue"):
        bench.commit()


@pytest.mark.parametrize("step", ["offsets", "commit"])
def test_a_process_that_was_frozen_within_a_call_asks_again_and_hears_that_it_was_fenced(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    bench, clock = Bench(), Clock(monkeypatch)
    answers = iter([failure(KafkaError._TIMED_OUT, retriable=True), failure(KafkaError._FENCED, fatal=True)])

    def freeze(*_: Any) -> None:
        clock.now += 60.0
        raise next(answers)

    name = {"offsets": "send_offsets_to_transaction", "commit": "commit_transaction"}[step]
    setattr(bench.producers[0], name, freeze)
    with pytest.raises(Overdue, match=r"(60|120)\.0 s old"):
        bench.commit()
    assert not bench.session.is_open


def test_a_record_that_the_client_refuses_for_its_size_is_fatal_and_aborts() -> None:
    bench = Bench({"produce": failure(KafkaError.MSG_SIZE_TOO_LARGE)})
    with pytest.raises(FatalError, match="can never be written: topic out"):
        bench.commit()
    assert bench.producers[0].calls[-2:] == ["abort", "purge"]


def test_a_record_that_the_brokers_refuse_for_good_is_fatal() -> None:
    bench = Bench({"commit": failure(KafkaError._INCONSISTENT, abort=True)})

    class Message:
        def topic(self) -> str:
            return "out"

    produce = bench.producers[0].produce

    def produce_and_fail(*record: Any) -> None:
        produce(*record)
        bench.producers[0].config["on_delivery"](KafkaError(KafkaError.INVALID_RECORD), Message())

    bench.producers[0].produce = produce_and_fail  # type: ignore[method-assign]
    with pytest.raises(FatalError, match="can never be written: topic out"):
        bench.commit()


def test_brokers_that_do_not_answer_are_asked_again_and_a_refusal_is_final() -> None:
    bench = Bench()
    bench.failures["init"] = failure(KafkaError._TIMED_OUT, retriable=True)
    with pytest.raises(RetryLater):
        bench.session.open()
    assert not bench.session.is_open
    bench.failures["init"] = failure(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, fatal=True)
    with pytest.raises(FatalError, match="refuse transactional id worker-0"):
        bench.session.open()


def test_a_producer_that_was_given_up_is_gone_before_the_next_one_is_made() -> None:
    bench = Bench({"offsets": failure(KafkaError._TIMED_OUT, retriable=True)})
    ghost = weakref.ref(bench.producers.pop())
    try:
        bench.commit()
    except InDoubt:
        assert ghost() is None, "it would initialise itself again and fence its successor"

    bench.failures["init"] = failure(KafkaError._TIMED_OUT, retriable=True)
    try:
        bench.session.open()
    except RetryLater:
        ghost = weakref.ref(bench.producers.pop())
        assert ghost() is None


def test_a_call_that_never_returns_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "GRACE_S", 0.05)
    monkeypatch.setitem(CONFIG, "transaction.timeout.ms", 50)
    bench = Bench()
    release = threading.Event()
    bench.producers[0].send_offsets_to_transaction = lambda *_: release.wait(30)  # type: ignore[assignment]
    with pytest.raises(InDoubt, match="no answer"):
        bench.commit()
    release.set()
    assert "commit" not in bench.producers[0].calls
    bench.session.open()
    bench.failures["commit"] = failure(KafkaError._FENCED, fatal=True)
    with pytest.raises(InDoubt, match="given up"):
        bench.commit()


def test_a_process_with_too_many_calls_that_never_return_ends_and_with_fewer_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "GRACE_S", 0.02)
    monkeypatch.setattr(session_module, "MOST_HANGING", 3)
    monkeypatch.setitem(CONFIG, "transaction.timeout.ms", 20)
    bench, releases = Bench(), [threading.Event() for _ in range(4)]
    for number, release in enumerate(releases):
        bench.producers[-1].send_offsets_to_transaction = lambda *_, wait=release.wait: wait(30)  # type: ignore[assignment]
        with pytest.raises(InDoubt, match="no answer"):
            bench.commit()
        if number < 2:
            bench.session.open()
            continue
        with pytest.raises(FatalError, match=r"3 producers .* to be started again"):
            bench.session.open()
        releases[number - 2].set()  # one returns after all
        until(lambda: _opens(bench), 10, "it goes on")
    for release in releases:
        release.set()


def _opens(bench: Bench) -> bool:
    try:
        bench.session.open()
    except FatalError:
        return False
    return True


def test_when_a_session_is_closed_no_thread_holds_its_producer() -> None:
    """Else the client would be ended by that thread, beside an interpreter that may be ending itself."""
    before = set(threading.enumerate())
    for _ in range(20):
        bench = Bench()
        bench.commit()
        producer = weakref.ref(bench.producers.pop())
        bench.session.close()
        assert set(threading.enumerate()) <= before
        assert producer() is None
