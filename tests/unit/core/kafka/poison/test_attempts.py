"""However processes end, the records that end them are found, and no others; decided without a broker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from hypothesis import given
from hypothesis import settings as slower
from hypothesis import strategies as st

from tests.support.kafka.workers import FunctionWorker
from tests.unit.core.kafka.fakes import FakeConsumer
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.partitions.marks import Attempt, Mark
from tidemill.kafka.poison import steps as steps_module
from tidemill.kafka.poison.attempts import FEW, Attempts
from tidemill.kafka.poison.steps import DEATHS, TRIALS, Steps
from tidemill.kafka.poison.watchdog import Watchdog
from tidemill.kafka.runtime.loop_status import Trouble
from tidemill.kafka.runtime.outputs import Making

IN = "in"


class Death(BaseException):
    """The process is no more: nothing that it would do then is done."""


class Log(FakeConsumer):
    """Two partitions and what is committed of them: it outlives the processes."""

    def __init__(self, length: int, killers: set[tuple[int, int]]) -> None:
        super().__init__({(IN, 0): 0, (IN, 1): 0})
        self.length, self.killers = length, killers
        self.metadata: dict[Partition, str] = {}
        self.done: list[tuple[int, int]] = []
        self.aside: list[tuple[int, int]] = []
        self.ends = 0
        self.at_work: Process | None = None

    def trial(self, work: Callable[[], object], within_s: float) -> bool:
        """In a child, whose death does not end its parent."""
        try:
            work()
        except Death:
            assert self.at_work is not None
            self.at_work.dead = False
            return False
        return True

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        keys = [(tp.topic, tp.partition) for tp in partitions]
        return [TopicPartition(*k, self.committed_offsets[k], metadata=self.metadata.get(k, "")) for k in keys]

    def pause(self, partitions: list[TopicPartition]) -> None:
        """Nothing is read of these meanwhile: the process asks what it suspects."""


def batch_of(rows: list[tuple[int, int]]) -> Batch:
    values: list[bytes | None] = [b"%d:%d" % row for row in rows]
    empty: list[Any] = [None] * len(rows)
    return Batch(IN, [n for n, _ in rows], [o for _, o in rows], [0] * len(rows), empty, values, empty)


class Process:
    """One process over the log, until it is through or dies. `lives_for`: commits after which it is killed."""

    def __init__(self, log: Log, usual: int, lives_for: int | None) -> None:
        self.log, self.usual, self.left = log, usual, lives_for
        self.dead = False
        log.at_work = self
        self.orders: list[tuple[Making, list[TopicPartition]]] = []
        worker = FunctionWorker(self.process)
        self.assignment = Assignment(threading.Event(), Trouble(logging.getLogger("test")), worker)
        self.attempts = self.assignment.attempts
        self.steps = Steps(
            self.assignment, self, self.process, self.set_aside, Watchdog(60.0)  # type: ignore[arg-type]
        )  # fmt: skip
        self.assignment.assign(log, [TopicPartition(IN, 0), TopicPartition(IN, 1)])  # type: ignore[arg-type]

    def add(self, making: Making, offsets: list[TopicPartition], metadata: Any) -> None:
        if self.dead:
            raise Death
        self.orders.append((making, offsets))

    def write(self) -> None:
        """Into the log, whole or not at all, and then perhaps somebody ends the process."""
        making, offsets = self.orders.pop()
        written = [(output.topic, value) for output in making for value in output.values]
        for topic, value in written:
            number, _, offset = (value or b"").decode().partition(":")
            (self.log.aside if topic == "dead" else self.log.done).append((int(number), int(offset)))
        for tp in offsets:
            self.log.committed_offsets[tp.topic, tp.partition] = tp.offset
            self.log.metadata[tp.topic, tp.partition] = tp.metadata or ""
        self.assignment.committed(offsets)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.dead = True
                raise Death

    def settle(self) -> None:
        """It is."""

    drain = settle

    error: BaseException | None = None

    def process(self, batches: list[Batch]) -> list[Output]:
        if self.error is not None:
            raise self.error
        for batch in batches:
            if self.log.killers.intersection(zip(batch.partitions, batch.offsets, strict=True)):
                self.dead = True
                raise Death
        return [Output("out", batch.values) for batch in batches]

    def set_aside(self, one: Batch, why: str) -> list[Output]:
        return [Output("dead", one.values)]

    def run(self) -> bool:
        """Whether it came to the end of the log; it has died if not."""
        try:
            while self.turn():
                pass
        except Death:
            self.log.ends += 1
            return False
        return True

    def turn(self) -> bool:
        size = self.steps.size(self.log, (), self.usual)  # type: ignore[arg-type]
        readable = set(self.attempts.suspects()) or {(IN, 0), (IN, 1)}
        rows: list[tuple[int, int]] = []
        for _, number in sorted(readable):
            at = self.assignment.stands[IN, number]
            rows += [(number, offset) for offset in range(at, min(at + size - len(rows), self.log.length))]
        if not rows:
            return bool(self.attempts.suspects())
        batch = batch_of(rows)
        making = Making(self.process, [batch])
        if self.steps.due([batch]):
            making = self.steps.take(making, None)
        ends = {number: offset + 1 for number, offset in rows}
        moved = [TopicPartition(IN, n, at, metadata=Mark("id").text()) for n, at in ends.items()]
        self.add(making, moved, None)
        self.write()
        return True


@slower(max_examples=60, deadline=None)
@given(
    killers=st.sets(st.tuples(st.integers(0, 1), st.integers(0, 199)), max_size=3),
    kills=st.lists(st.integers(0, 40), max_size=8),
    usual=st.sampled_from([1, 7, 150, 400]),
)
def test_whatever_else_ends_the_processes_killing_records_are_set_aside_and_all_others_are_done_once(
    killers: set[tuple[int, int]], kills: list[int], usual: int
) -> None:
    log = Log(200, killers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps_module, "lives", log.trial)
        for lives_for in [*kills, *[None] * 30]:
            if Process(log, usual, lives_for).run():
                break
    everything = {(number, offset) for number in (0, 1) for offset in range(200)}
    assert sorted(log.aside) == sorted(killers)
    assert sorted(log.done) == sorted(everything - killers)
    assert log.ends <= len(kills) + 6 * len(killers)


def test_a_record_at_which_others_end_the_process_is_tried_and_set_free() -> None:
    log = Log(1, set())
    log.metadata[IN, 0] = Mark("id", 0, 0, Attempt(1, 1, DEATHS)).text()
    with pytest.MonkeyPatch.context() as patch:
        tried: list[float] = []
        patch.setattr(steps_module, "lives", lambda work, within_s: tried.append(within_s) or True)
        assert Process(log, 10, None).run()
    assert len(tried) == 1 and log.aside == [] and sorted(log.done) == [(0, 0), (1, 0)]


def test_where_the_process_dies_with_each_trial_the_record_is_set_aside_in_the_end_without_one() -> None:
    log = Log(1, {(0, 0)})
    log.metadata[IN, 0] = Mark("id", 0, 0, Attempt(1, 1, DEATHS + TRIALS)).text()
    assert Process(log, 10, None).run()
    assert log.aside == [(0, 0)] and log.done == [(1, 0)]


def test_what_was_not_ended_goes_in_steps_of_a_few_and_then_alone_and_the_others_at_full_speed() -> None:
    attempts = Attempts()
    attempts.found((IN, 0), Attempt(900, 5_000))
    assert attempts.suspects() == {(IN, 0): FEW}
    attempts.found((IN, 1), Attempt(900, FEW))
    assert attempts.suspects() == {(IN, 0): FEW, (IN, 1): 1}
    assert attempts.suspects(held={IN}) == {}
    attempts.ended((IN, 0), 900)
    attempts.ended((IN, 1), 899)
    assert attempts.suspects() == {(IN, 1): 1}
    attempts.forget((IN, 1))
    assert attempts.suspects() == {}


def test_a_range_of_which_nothing_comes_any_more_holds_the_others_up_for_a_minute_at_most() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    attempts.found((IN, 0), Attempt(900, 5_000))

    def turns(seconds: int) -> None:
        for _ in range(seconds):
            now[0] += 1.0
            attempts.nothing_came()

    turns(59)
    assert attempts.suspects()
    turns(2)
    assert not attempts.suspects()


def test_time_in_which_something_was_done_or_the_process_was_frozen_is_not_fruitless() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    attempts.found((IN, 0), Attempt(900, 5_000))
    for _ in range(5):
        now[0] += 40.0  # a step that takes its time, or a wait for a registry
        attempts.something_came()
        now[0] += 1.0
        attempts.nothing_came()
    assert attempts.suspects()
    now[0] += 3_600.0
    attempts.nothing_came()
    assert attempts.suspects()


def test_what_was_in_doubt_and_is_committed_is_through() -> None:
    log = Log(5, set())
    log.metadata[IN, 0] = Mark("id", 0, 0, Attempt(5, 5)).text()
    process = Process(log, 10, None)
    assert process.attempts.suspects() == {(IN, 0): 1}
    log.committed_offsets[IN, 0] = 5
    log.metadata.clear()
    process.assignment.reload(log)  # type: ignore[arg-type]
    assert process.attempts.suspects() == {}
    assert not process.attempts.due([batch_of([(0, 5)])]), "its own commit has told it: nothing is to be begun"


def test_a_record_that_waits_for_somebody_stays_as_suspected_as_it_was() -> None:
    log = Log(1, set())
    found = Mark("id", 0, 0, Attempt(1, 1, DEATHS - 1))
    log.metadata[IN, 0] = found.text()
    process = Process(log, 10, None)
    process.error = RetryLater("the registry is away")
    for _ in range(3):
        with pytest.raises(RetryLater):
            process.turn()
        assert Mark.parse(log.metadata[IN, 0]).attempt == found.attempt
    process.error = None
    assert process.run() and log.aside == [] and sorted(log.done) == [(0, 0), (1, 0)]


def test_a_record_that_exits_is_found_as_one_that_kills() -> None:
    log = Log(1, set())
    log.metadata[IN, 0] = Mark("id", 0, 0, Attempt(1, 1, 1)).text()
    for tries in (2, 3):
        process = Process(log, 10, None)
        process.error = SystemExit(0)
        with pytest.raises(SystemExit):
            process.run()
        assert Mark.parse(log.metadata[IN, 0]).attempt == Attempt(1, 1, tries)


def test_a_trial_that_did_not_come_to_its_work_neither_frees_a_record_nor_sets_it_aside() -> None:
    for killers in (set[tuple[int, int]](), {(0, 0)}):
        log = Log(1, killers)
        log.metadata[IN, 0] = Mark("id", 0, 0, Attempt(1, 1, DEATHS)).text()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(steps_module, "lives", lambda work, within_s: None)
            processes = 1
            while not Process(log, 10, None).run():
                processes += 1
        assert (set(log.aside), processes) == (killers, TRIALS + 1 if killers else 1)
        assert set(log.done) == {(0, 0), (1, 0)} - killers


def test_a_mark_keeps_what_is_begun_and_a_commit_of_an_earlier_version_is_read() -> None:
    mark = Mark("id", 3, 0, Attempt(900, 64, 2))
    assert Mark.parse(mark.text()) == mark
    assert Mark.parse('{"topic_id":"id","removed":3}') == Mark("id", 3)
    assert Mark.parse('{"topic_id":"id","removed":3,"begun":7}') == Mark()
