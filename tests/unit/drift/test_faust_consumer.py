"""Faust's consumer: whether profiles are handed over without a hole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import faust
import pytest
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP
from yarl import URL

from tidemill_drift.adapters.faust_consumer import WholeConsumer, WholeTransport

PROFILES = TP("profiles", 0)


async def made() -> WholeConsumer:
    """Faust wants a loop to make one in."""

    async def ignore(*_: object) -> None:
        """For a rebalance, of which there is none."""

    url = "kafka://127.0.0.1:1"
    transport = WholeTransport([URL(url)], faust.App("test", broker=url))
    found = transport.create_consumer(ignore, on_partitions_revoked=ignore, on_partitions_assigned=ignore)
    found.next = {PROFILES: 10}
    return found


@pytest.fixture
def consumer() -> WholeConsumer:
    """One that was not started: it has no broker."""
    return asyncio.run(made())


def test_repeats_and_successors_follow(consumer: WholeConsumer) -> None:
    assert [consumer.follows(PROFILES, offset) for offset in (8, 9, 10, 11, 10, 11, 12)] == [True] * 7


def test_a_hole_does_not_follow_and_what_comes_after_it_does(consumer: WholeConsumer) -> None:
    assert [consumer.follows(PROFILES, offset) for offset in (10, 12, 13)] == [True, False, True]


def test_the_first_record_must_be_the_one_that_was_sought(consumer: WholeConsumer) -> None:
    assert not consumer.follows(PROFILES, 11)


def test_a_seek_waits_for_the_fetch_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust's own fetch and seek, which want a broker, say only that they are done."""
    done: list[str] = []
    taken = asyncio.Event()

    async def fetched(_: object, timeout: float) -> AsyncIterator[tuple[TP, str]]:
        await taken.wait()
        done.append("fetched")
        yield PROFILES, "a record"

    async def sought(_: object, partitions: Mapping[TP, int]) -> None:
        done.append("sought")

    monkeypatch.setattr(Consumer, "getmany", fetched)
    monkeypatch.setattr(Consumer, "seek_wait", sought)

    async def fetch(consumer: WholeConsumer) -> None:
        assert [record async for _, record in consumer.getmany(1.0)] == ["a record"]

    async def both() -> None:
        consumer = await made()
        consumer.resume_partitions({PROFILES})
        consumer.resume_flow()
        tasks = [asyncio.create_task(fetch(consumer)), asyncio.create_task(consumer.seek_wait({PROFILES: 3}))]
        while consumer.flow_active:
            await asyncio.sleep(0)
        taken.set()
        await asyncio.gather(*tasks)

    asyncio.run(both())
    assert done == ["fetched", "sought"]
