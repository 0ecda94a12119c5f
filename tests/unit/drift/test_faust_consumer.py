"""Faust's consumer: whether profiles are handed over without a hole."""

from __future__ import annotations

import asyncio

import pytest
from faust.types import TP

from tidemill_drift.adapters.faust_consumer import WholeConsumer

PROFILES = TP("profiles", 0)


@pytest.fixture
def consumer() -> WholeConsumer:
    """One that was not started: no app, no broker."""
    made = WholeConsumer.__new__(WholeConsumer)
    made.next = {PROFILES: 10}
    made._taking = asyncio.Lock()
    made._taker = None
    return made


def test_repeats_and_successors_follow(consumer: WholeConsumer) -> None:
    assert [consumer.follows(PROFILES, offset) for offset in (8, 9, 10, 11, 10, 11, 12)] == [True] * 7


def test_a_hole_does_not_follow_and_what_comes_after_it_does(consumer: WholeConsumer) -> None:
    assert [consumer.follows(PROFILES, offset) for offset in (10, 12, 13)] == [True, False, True]


def test_the_first_record_must_be_the_one_that_was_sought(consumer: WholeConsumer) -> None:
    assert not consumer.follows(PROFILES, 11)


def test_a_seek_waits_for_the_fetch_that_is_under_way(consumer: WholeConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(WholeConsumer, "stop_flow", lambda self: done.append("stopped"))

    async def fetch(taken: asyncio.Event) -> None:
        async with consumer._taking:
            await taken.wait()
            done.append("fetched")

    async def seek() -> None:
        async with consumer._still():
            done.append("sought")

    async def both() -> None:
        taken = asyncio.Event()
        tasks = [asyncio.create_task(fetch(taken)), asyncio.create_task(seek())]
        await asyncio.sleep(0)
        taken.set()
        await asyncio.gather(*tasks)

    asyncio.run(both())
    assert done == ["stopped", "fetched", "sought"]
