"""A broker that is killed under a worker: it waits, says so, and goes on exactly once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.broker.runtime.harness import World, running
from tests.support.kafka.workers import passing_to
from tests.support.polling import until
from tidemill.kafka.batch import Batch, Output
from tidemill.service import Health
from tidemill_embedded.broker.broker import Broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of its own: this one is killed."""
    with Broker(tmp_path_factory.mktemp("mortal-kafka")) as broker:
        yield broker


def test_a_worker_outlives_its_broker_and_repeats_and_loses_nothing(broker: Broker) -> None:
    world = World(broker.bootstrap, "outlive-")
    world.feed(0, 12_000)
    health, count = Health(), 0

    def process(batches: list[Batch]) -> list[Output]:
        nonlocal count
        count += sum(len(batch) for batch in batches)
        return passing_to(world.sink)(batches)  # type: ignore[no-any-return]

    with running(world, process=process, batch_size=100, health=health) as work:
        until(lambda: count > 5_000, 60, "a part of the records processed")
        broker.kill()
        until(lambda: not health.ready().ok, 60, "it says that it waits")
        assert work.error is None
        assert health.live().ok
        broker.start()
        until(lambda: len(world.written()) >= 12_000, 120, "all records written")
        until(lambda: health.ready().ok, 60, "it is ready again")
        assert work.error is None
    assert world.written() == list(range(12_000))
    assert len(world.written(uncommitted=True)) >= 12_000


def test_a_worker_stops_in_time_while_its_broker_is_away(broker: Broker) -> None:
    world = World(broker.bootstrap, "stop-")
    world.feed(0, 100)
    with running(world) as work:
        until(lambda: len(world.written()) == 100, 60, "it works")
        broker.kill()
        began = time.monotonic()
        work.end()
        assert time.monotonic() - began < 20
        assert work.error is None
    broker.start()
