"""A batch is made while the one before is committed, and written only when that is certain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from tests.support.polling import until
from tests.unit.core.kafka.fakes import FakeProducer, failure
from tidemill.errors import Fenced, RetryLater
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.runtime.executor import Dropped, Maker
from tidemill.kafka.runtime.outputs import PIECE, Making
from tidemill.kafka.runtime.pipeline import Line
from tidemill.kafka.runtime.transaction import Aborted, InDoubt, TransactionSession

WAIT_S = 30


class SlowProducer(FakeProducer):
    """A commit takes until `release` is set."""

    def __init__(self, config: dict[str, Any], failures: dict[str, Exception], release: threading.Event) -> None:
        super().__init__(config, failures)
        self._release = release

    def commit_transaction(self, timeout: float) -> None:
        self.calls.append("committing")
        assert self._release.wait(WAIT_S)
        super().commit_transaction(timeout)


class Bench:
    """A line over a fake producer; batch `n` is one record with the value and offset `n`."""

    def __init__(self) -> None:
        self.failures: dict[str, Exception] = {}
        self.release = threading.Event()
        self.release.set()
        self.made: list[int] = []
        self.committed: list[int] = []
        self.held: object = None
        self.on_make: Callable[[int], None] = lambda number: None
        config = {"transactional.id": "worker-0", "transaction.timeout.ms": 20_000}
        self.session = TransactionSession(config, factory=self._producer)  # type: ignore[arg-type]
        self.session.open()
        self.maker = Maker("making")
        self.line = Line(self.session, self.maker, self._committed, epoch=lambda: self.held)

    def add(self, number: int) -> None:
        batch = Batch("in", [0], [number], [0], [None], [b"%d" % number], [None])
        self.line.add(Making(self._process, [batch]), [TopicPartition("in", 0, number + 1)], b"metadata")

    def made_are(self, *numbers: int) -> None:
        until(lambda: self.made == list(numbers), WAIT_S, f"made: {numbers}")

    @property
    def written(self) -> list[int]:
        return [int(record[1]) for record in self.producer.records]

    def _producer(self, config: dict[str, Any]) -> SlowProducer:
        self.producer = SlowProducer(config, self.failures, self.release)
        return self.producer

    def _process(self, batches: list[Batch]) -> list[Output]:
        number = batches[0].offsets[0]
        self.on_make(number)
        self.made.append(number)
        return [Output("out", batch.values) for batch in batches]

    def _committed(self, making: Making, offsets: list[TopicPartition]) -> None:
        assert making.written == {"out": 1}
        self.committed.append(offsets[0].offset)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.release.set()
    bench.line.halt()
    bench.maker.close()


def test_a_batch_is_made_while_the_one_before_is_committed_and_written_after(bench: Bench) -> None:
    bench.release.clear()
    bench.add(0)
    bench.line.write()
    bench.add(1)
    bench.made_are(0, 1)
    assert bench.committed == []
    assert bench.written == [0]
    bench.release.set()
    bench.line.write()
    bench.line.settle()
    assert bench.committed == [1, 2]
    assert bench.producer.calls == [
        "init",
        *("begin", "produce", "offsets", "committing", "commit"),
        *("begin", "produce", "offsets", "committing", "commit"),
    ]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (failure(KafkaError.ILLEGAL_GENERATION, abort=True), Aborted),
        (failure(KafkaError._TIMED_OUT, retriable=True), InDoubt),
        (failure(KafkaError._FENCED, fatal=True), Fenced),
    ],
)
def test_nothing_is_written_after_a_commit_that_failed(bench: Bench, error: Exception, raised: type[Exception]) -> None:
    bench.failures["commit"] = error
    bench.add(0)
    bench.add(1)
    bench.line.write()
    bench.made_are(0, 1)
    with pytest.raises(raised):
        bench.line.write()
    bench.line.clear()
    assert bench.written == [0]
    assert bench.committed == []
    assert len(bench.line) == 0


def test_while_the_group_changes_nothing_is_made_and_no_commit_is_in_flight(bench: Bench) -> None:
    bench.release.clear()
    bench.add(0)
    bench.line.write()
    begun, go_on = threading.Event(), threading.Event()

    def make_slowly(number: int) -> None:
        begun.set()
        assert go_on.wait(WAIT_S)

    bench.on_make = make_slowly
    bench.add(1)
    assert begun.wait(WAIT_S)
    change = threading.Thread(target=bench.line.halt)
    change.start()
    go_on.set()
    bench.made_are(0, 1)
    assert change.is_alive(), "the commit is still in flight"
    bench.release.set()
    change.join(WAIT_S)
    assert bench.committed == [1]
    with pytest.raises(Dropped):
        bench.line.check()
    bench.line.clear()
    assert bench.written == [0]
    bench.add(1)  # read again
    bench.line.write()
    bench.line.settle()
    assert bench.committed == [1, 2]


def test_a_commit_that_fails_while_the_group_changes_is_told_afterwards(bench: Bench) -> None:
    bench.failures["commit"] = failure(KafkaError.ILLEGAL_GENERATION, abort=True)
    bench.add(0)
    bench.line.write()
    bench.line.halt()
    with pytest.raises(Aborted):
        bench.line.check()
    bench.line.check()
    assert bench.committed == []


def test_a_commit_that_succeeds_while_the_group_changes_drops_nothing_else(bench: Bench) -> None:
    bench.add(0)
    bench.line.write()
    bench.line.halt()
    bench.line.check()
    assert bench.committed == [1]


def test_what_was_made_before_a_stop_is_not_written_and_the_commit_is_settled(bench: Bench) -> None:
    bench.add(0)
    bench.line.write()
    bench.add(1)
    bench.line.clear()
    assert bench.committed == [1]
    assert bench.written == [0]
    assert bench.producer.calls.count("begin") == 1


def test_what_was_read_before_a_topic_was_held_is_not_written(bench: Bench) -> None:
    bench.add(0)
    bench.held = "in"
    with pytest.raises(Dropped, match="held"):
        bench.line.write()
    bench.line.clear()
    assert bench.written == []


def test_after_a_batch_that_failed_none_is_made_until_it_was_read_again(bench: Bench) -> None:
    def fail_once(number: int) -> None:
        bench.on_make = lambda number: None
        raise RetryLater("the registry is away")

    bench.on_make = fail_once
    bench.add(0)
    bench.add(1)
    with pytest.raises(RetryLater):
        bench.line.write()
    bench.line.clear()
    assert bench.made == []
    assert bench.producer.calls == ["init", "begin", "abort"]
    bench.add(0)
    bench.add(1)
    bench.line.write()
    bench.line.write()
    bench.line.settle()
    assert bench.made == [0, 1]
    assert bench.committed == [1, 2]


def test_a_failing_batch_does_not_hide_what_became_of_the_commit_before(bench: Bench) -> None:
    bench.release.clear()
    bench.failures["commit"] = failure(KafkaError._TIMED_OUT, retriable=True)
    bench.add(0)
    bench.line.write()

    def fail(number: int) -> None:
        raise RetryLater("the registry is away")

    bench.on_make = fail
    bench.add(1)
    bench.release.set()
    with pytest.raises(InDoubt):
        bench.line.clear()
    assert not bench.session.is_open


def test_a_cancelled_batch_is_left_at_the_next_piece(bench: Bench) -> None:
    begun, go_on = threading.Event(), threading.Event()
    made: list[int] = []

    def process(batches: list[Batch]) -> list[Output]:
        begun.set()
        assert go_on.wait(WAIT_S)
        made.append(sum(map(len, batches)))
        return [Output("out", batch.values) for batch in batches]

    n = 3 * PIECE
    batch = Batch("in", [0] * n, list(range(n)), [0] * n, [None] * n, [b"v"] * n, [None] * n)
    order = bench.maker.start(Making(process, [batch]))
    assert begun.wait(WAIT_S)
    cancelling = threading.Thread(target=order.cancel)
    cancelling.start()
    until(lambda: order.cancelled, WAIT_S, "it was told")
    go_on.set()
    cancelling.join(WAIT_S)
    assert not cancelling.is_alive()
    assert made == [PIECE]
