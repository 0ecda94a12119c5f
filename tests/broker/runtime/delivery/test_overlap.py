"""Batches are read and made while the one before is committed: nothing of it shows in what is written."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.broker.runtime.harness import World, running
from tests.support.kafka.workers import passing_to
from tests.support.polling import until
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.runtime.config import Clients

WAIT_S = 60


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix)


class SlowCommits:
    """While `held` is cleared, commits of the session's producers wait; `waiting` tells of the first."""

    def __init__(self) -> None:
        self.held, self.waiting = threading.Event(), threading.Event()
        self.held.set()
        outer = self

        class SlowProducer(Producer):
            def commit_transaction(self, *args: Any) -> Any:
                if not outer.held.is_set():
                    outer.waiting.set()
                    assert outer.held.wait(WAIT_S)
                return super().commit_transaction(*args)

        self.clients = Clients(producer=SlowProducer)


def in_order(world: World, seen: list[tuple[int, int]]) -> bool:
    """Whether what was made last of each partition's records came in their order, each once."""
    last: dict[int, int] = {}
    for partition, offset in seen:
        if offset > last.get(partition, -1) + 1:
            return False
        last[partition] = offset
    return True


def test_a_revocation_waits_for_the_commit_in_flight_and_what_was_read_ahead_is_read_again(
    world: World,
) -> None:
    slow = SlowCommits()
    with running(world, name="0", batch_size=100, clients=slow.clients) as first:
        world.feed(0, 400)
        until(lambda: len(world.written()) == 400, WAIT_S, "the first member works")
        slow.held.clear()
        world.feed(400, 2_000)
        assert slow.waiting.wait(WAIT_S)
        with running(world, name="1", batch_size=100) as second:
            until(lambda: bool(second.runner.subscribed), WAIT_S, "the second member is about to join")
            assert len(world.written()) == 400
            slow.held.set()
            until(lambda: len(second.runner.assigned) == 2, WAIT_S, "the second member has its share")
            world.feed(2_400, 400)
            until(lambda: len(world.written()) >= 2_800, WAIT_S, "all written by both")
        assert first.error is None
        assert second.error is None
    assert world.written() == list(range(2_800))


def test_members_that_come_and_go_within_a_backlog_write_each_record_once(world: World) -> None:
    world.feed(0, 8_000)
    with running(world, name="0", batch_size=40):
        for number in range(1, 4):
            seen = len(world.written())
            with running(world, name=str(number), batch_size=40) as other:
                until(lambda: len(other.runner.assigned) == 2, WAIT_S, "it has its share")
                until(lambda seen=seen: len(world.written()) > min(seen, 7_900), WAIT_S, "something more is written")
        until(lambda: len(world.written()) >= 8_000, WAIT_S, "all written")
    assert world.written() == list(range(8_000))
    assert set(world.lag().values()) == {0}


def test_a_worker_stopped_within_a_backlog_is_followed_without_a_gap_or_a_repeat(world: World) -> None:
    world.feed(0, 6_000)
    seen: list[tuple[int, int]] = []

    def process(batches: list[Batch]) -> list[Output]:
        seen.extend((p, o) for b in batches for p, o in zip(b.partitions, b.offsets, strict=True))
        return passing_to(world.sink)(batches)

    for part in (500, 2_000):
        with running(world, process=process, batch_size=50) as work:
            until(lambda part=part: len(world.written()) > part, WAIT_S, "some of it is written")
        assert work.error is None
    with running(world, process=process, batch_size=50):
        until(lambda: len(world.written()) >= 6_000, WAIT_S, "all written")
    assert world.written() == list(range(6_000))
    assert in_order(world, seen)
    assert set(world.lag().values()) == {0}


def test_a_commit_that_fails_takes_what_was_read_ahead_with_it(world: World) -> None:
    """The first worker hangs in a commit while a second process takes its id: what it made meanwhile is not written."""
    slow = SlowCommits()
    with running(world, name="0", batch_size=100, clients=slow.clients) as zombie:
        world.feed(0, 400)
        until(lambda: len(world.written()) == 400, WAIT_S, "the first works")
        slow.held.clear()
        world.feed(400, 2_000)
        assert slow.waiting.wait(WAIT_S)
        with running(world, name="0", batch_size=100) as heir:
            until(lambda: bool(heir.runner.subscribed), WAIT_S, "the second has the id, and the first is fenced")
            slow.held.set()
            until(lambda: zombie.error is not None, WAIT_S, "the first has heard of it")
            until(lambda: len(world.written()) >= 2_400, WAIT_S, "the second has written all")
            assert heir.error is None
    assert world.written() == list(range(2_400))
