"""A worker that goes in small steps through what a process has not ended: on a fake and on a real broker."""

from __future__ import annotations

import threading

import pytest

from tests.broker.runtime.diary import Entry, Hooks, TolerantDiaryWorker
from tests.broker.runtime.harness import World, running
from tests.support.polling import until
from tidemill.errors import RetryLater
from tidemill.kafka.partitions.marks import Attempt, Mark
from tidemill.kafka.poison import attempts
from tidemill.kafka.poison.attempts import FEW

WAIT_S = 60


def all_written(world: World, count: int) -> None:
    until(lambda: world.written() == list(range(count)), WAIT_S, f"{count} records written, each once")


def test_after_small_steps_the_other_partitions_go_on_while_records_keep_coming_in_the_suspected_one(
    world: World,
) -> None:
    fed, others_read = 2_030, threading.Event()
    world.feed(0, 2_000, partition=3)
    world.feed(2_000, 30, partition=0)
    world.commit(3, 0, Mark(attempt=Attempt(100, 500)).text())

    def as_many_come_as_go(entry: Entry) -> None:
        nonlocal fed
        if any(number != 3 for (_, number), _, _ in entry.records):
            others_read.set()
        elif not others_read.is_set():
            world.feed(fed, len(entry.records), partition=3)
            fed += len(entry.records)

    worker = TolerantDiaryWorker(world.sink, Hooks(process=as_many_come_as_go))
    with running(world, worker=worker, batch_size=500):
        assert others_read.wait(WAIT_S / 2), "partition 0 is never read"
        all_written(world, fed)
    of_it = (entry for entry in worker.named("process") if any(number == 3 for (_, number), _, _ in entry.records))
    first = next(of_it)  # a busy broker may give another partition's records before it
    assert len(first.records) <= FEW and {number for (_, number), _, _ in first.records} == {3}, "in steps, alone"
    assert world.written_in_order()[3] == [*range(2_000), *range(2_030, fed)]
    assert world.written_in_order()[0] == list(range(2_000, 2_030))


def test_waits_are_no_reason_to_give_small_steps_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FRUITLESS_S", 4.0)
    world.feed(0, 1_000, partition=3)
    world.commit(3, 0, Mark(attempt=Attempt(1_000, 500)).text())

    def away(entry: Entry) -> None:
        if len(worker.named("process")) < 8:
            raise RetryLater("the registry is away", delay_s=1.0)

    worker = TolerantDiaryWorker(world.sink, Hooks(process=away))
    with running(world, worker=worker, batch_size=500):
        all_written(world, 1_000)
    assert max(len(entry.records) for entry in worker.named("process")) <= FEW


def test_what_is_in_the_log_no_more_is_given_up_so_that_the_others_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "FRUITLESS_S", 1.0)
    world.feed(0, 100, partition=3)
    world.feed(100, 30, partition=0)
    world.commit(3, 0, Mark(attempt=Attempt(1_000, 500)).text())
    worker = TolerantDiaryWorker(world.sink)
    with running(world, worker=worker, batch_size=500):
        all_written(world, 130)
    stories = [{number for (_, number), _, _ in entry.records} for entry in worker.named("process")]
    assert stories[0] == {3} and stories[-1] == {0}
