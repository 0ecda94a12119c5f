"""Exactly once, whatever is killed, fenced, frozen or moved."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.broker.runtime.harness import World, running
from tests.support.kafka.workers import passing_to
from tests.support.polling import until
from tidemill.errors import Fenced, RetryLater
from tidemill.kafka.batch import Batch, Output

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def start_worker(world: World, instance: int, *mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.broker.runtime.worker"]
    arguments = [world.settings.kafka_bootstrap, world.settings.prefix, str(instance), *mode]
    return subprocess.Popen([*command, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_worker_killed_within_a_transaction_loses_and_repeats_nothing(
    world: World, processes: list[subprocess.Popen[str]]
) -> None:
    world.feed(0, 2_000)
    victim = start_worker(world, 0, "stall")
    processes.append(victim)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "stalled\n"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    bitten = len(world.written(uncommitted=True))
    assert bitten > 0, "the kill came before anything was written"
    assert world.written() == [], "nothing was committed"

    processes.append(start_worker(world, 0))
    until(lambda: len(world.written()) >= 2_000, 60, "all records written after the restart")
    processes[-1].send_signal(signal.SIGTERM)
    assert processes[-1].wait(20) == 0
    assert world.written() == list(range(2_000))
    assert len(world.written(uncommitted=True)) > 2_000, "the aborted records are still in the log"


def test_another_worker_takes_over_from_a_killed_one_without_a_gap_or_a_repeat(
    world: World, processes: list[subprocess.Popen[str]]
) -> None:
    world.feed(0, 1_000)
    processes.append(start_worker(world, 0, "stall"))
    assert processes[0].stdout is not None
    processes[0].stdout.readline()
    processes.append(start_worker(world, 1))
    processes[0].kill()
    until(lambda: len(world.written()) >= 1_000, 60, "the other worker has written all")
    assert world.written() == list(range(1_000))


def test_members_that_come_and_go_share_the_work_once(world: World) -> None:
    with running(world, name="0", batch_size=200) as first:
        world.feed(0, 4_000)
        until(lambda: len(first.runner.assigned) == 4, 60, "the first member has all partitions")
        with running(world, name="1", batch_size=200) as second:
            until(lambda: len(second.runner.assigned) == 2, 60, "the second member has its share")
            world.feed(4_000, 4_000)
            until(lambda: len(world.written()) >= 8_000, 60, "all records written by both")
        until(lambda: len(first.runner.assigned) == 4, 60, "the first member has all back")
        world.feed(8_000, 1_000)
        until(lambda: len(world.written()) >= 9_000, 60, "the rest written")
    assert world.written() == list(range(9_000))


def test_a_second_process_with_the_same_id_fences_the_first(world: World) -> None:
    with running(world, name="0") as zombie:
        world.feed(0, 100)
        until(lambda: len(world.written()) == 100, 60, "the first works")
        with running(world, name="0") as heir:
            until(lambda: len(heir.runner.assigned) == 2, 60, "the second has joined")
            world.feed(100, 400)
            until(lambda: zombie.error is not None, 60, "the first is fenced")
            until(lambda: len(world.written()) >= 500, 60, "the second has written all")
    assert isinstance(zombie.error, Fenced)
    assert "TIDEMILL_INSTANCE" in str(zombie.error)
    assert world.written() == list(range(500))


def test_the_batch_of_a_member_that_was_thrown_out_is_dropped(world: World) -> None:
    frozen, thaw = threading.Event(), threading.Event()

    def freeze_once(batches: list[Batch]) -> list[Output]:
        if not frozen.is_set():
            frozen.set()
            thaw.wait(60)
        return passing_to(world.sink)(batches)

    patience = {"max_poll_interval_ms": 6_000}
    with running(world, name="0", process=freeze_once, consumer_over=patience) as slow:
        until(lambda: len(slow.runner.assigned) == 4, 60, "it has all partitions")
        world.feed(0, 400)
        until(frozen.is_set, 60, "it is frozen within a batch")
        with running(world, name="1"):
            until(lambda: len(world.written()) >= 400, 60, "another member has written all")
            thaw.set()
            until(lambda: 0 < len(slow.runner.assigned) < 4, 60, "it is a member again")
            world.feed(400, 400)
            until(lambda: len(world.written()) >= 800, 60, "both have written the rest")
        assert slow.error is None
    assert world.written() == list(range(800))


def test_a_worker_waits_for_offsets_that_another_transaction_holds_open(world: World) -> None:
    world.feed(0, 100)
    config = {"bootstrap.servers": world.settings.kafka_bootstrap}
    holder = Producer(config | {"transactional.id": f"{world.settings.prefix}other", "transaction.timeout.ms": 5_000})
    holder.init_transactions(10)
    holder.begin_transaction()
    consumer = Consumer(config | {"group.id": world.group})
    holder.produce(world.sink, b"0", partition=0)
    holder.send_offsets_to_transaction([TopicPartition(world.source, 0, 1)], consumer.consumer_group_metadata(), 10)
    consumer.close()
    with running(world):
        time_to_decide = time.monotonic() + 1.0
        until(lambda: time.monotonic() > time_to_decide, 5, "a moment")
        assert 0 not in world.written(), "it did not begin from offsets that are undecided"
        holder.commit_transaction(10)
        until(lambda: len(world.written()) >= 100, 60, "the rest written")
    assert world.written() == list(range(100))


def test_work_that_is_to_be_retried_is_retried_in_order_and_written_once(world: World) -> None:
    seen: list[tuple[int, int]] = []
    failures = iter(range(3))

    def fail_three_times(batches: list[Batch]) -> list[Output]:
        seen.extend((p, o) for b in batches for p, o in zip(b.partitions, b.offsets, strict=True))
        if next(failures, None) is not None:
            seen.clear()
            raise RetryLater("the registry is away", delay_s=0.2)
        return passing_to(world.sink)(batches)

    world.feed(0, 1_000)
    with running(world, process=fail_three_times, batch_size=300):
        until(lambda: len(world.written()) >= 1_000, 60, "all written after three failures")
        world.feed(1_000, 10)
        until(lambda: len(world.written()) >= 1_010, 60, "and it goes on")
    assert world.written() == list(range(1_010))
    for partition in range(4):
        offsets = [offset for number, offset in seen if number == partition]
        assert offsets, "something of every partition comes after the last failure"
        assert offsets == sorted(offsets), "records of a partition stay in order"


def test_an_error_of_the_logic_ends_the_run_with_nothing_of_the_batch_written(world: World) -> None:
    def broken(batches: list[Batch]) -> list[Output]:
        raise ZeroDivisionError

    world.feed(0, 10)
    with running(world, process=broken) as work:
        until(lambda: work.error is not None, 60, "the run ended")
    assert isinstance(work.error, ZeroDivisionError)
    assert world.written(uncommitted=True) == []


def test_a_frozen_transaction_that_the_brokers_gave_up_is_done_again(
    world: World, processes: list[subprocess.Popen[str]]
) -> None:
    world.feed(0, 1_000)
    worker = start_worker(world, 0, "stall")
    processes.append(worker)
    assert worker.stdout is not None
    assert worker.stdin is not None
    worker.stdout.readline()
    until(lambda: not world.open_transactions(), 60, "the brokers have aborted the overdue transaction")
    worker.stdin.write("\n")
    worker.stdin.flush()
    until(lambda: len(world.written()) >= 1_000, 60, "all written by the same process")
    assert worker.poll() is None
    assert world.written() == list(range(1_000))
