"""Threads for large requests, shared by models, counted: no clock and no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill_inference.rest.scheduling.scheduler import QueueFull, Scheduler


def worked(scheduler: Scheduler, models: Sequence[str]) -> tuple[list[str], int]:
    """The order in which requests of these models, made at once, are worked, and how many at most at a time."""
    order: list[str] = []
    now, most = 0, 0

    async def work(model: str) -> None:
        nonlocal now, most
        async with scheduler.thread(model):
            order.append(model)
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    async def all_of_them() -> None:
        await asyncio.gather(*(work(model) for model in models))

    asyncio.run(all_of_them())
    return order, most


def test_a_model_waits_for_one_request_of_each_other_and_not_for_all_of_theirs() -> None:
    order, most = worked(Scheduler(1, 100), ["busy"] * 30 + ["other"] * 3)
    assert order[:7] == ["busy", "other", "busy", "other", "busy", "other", "busy"]
    assert (len(order), most) == (33, 1)


@given(
    threads=st.integers(min_value=1, max_value=3),
    asked=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40),
)
@settings(max_examples=50, deadline=None)
def test_every_request_is_worked_once_and_no_model_twice_while_another_waits(threads: int, asked: list[str]) -> None:
    order, most = worked(Scheduler(threads, 100), asked)
    assert sorted(order) == sorted(asked)
    assert most <= threads
    for model in set(asked):
        places = [place for place, name in enumerate(order) if name == model]
        for one, after in pairwise(places):
            if one < threads:
                continue  # begun at once, when nobody waited
            between = set(order[one + 1 : after])
            waiting = set(order[after + 1 :]) - {model}
            assert waiting <= between, "a model went twice before one that waited"


def test_the_line_of_a_model_is_bounded_and_the_others_have_their_own() -> None:
    scheduler = Scheduler(1, 2)

    async def ask() -> None:
        async with scheduler.thread("busy"):
            waiting = [asyncio.ensure_future(_through(scheduler, "busy")) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(QueueFull, match="of busy wait already"):
                await _through(scheduler, "busy")
            waiting.append(asyncio.ensure_future(_through(scheduler, "other")))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    asyncio.run(ask())


def test_who_goes_away_while_waiting_gives_the_place_on() -> None:
    scheduler = Scheduler(1, 10)

    async def ask() -> None:
        async with scheduler.thread("a"):
            gone = asyncio.ensure_future(_through(scheduler, "a"))
            stays = asyncio.ensure_future(_through(scheduler, "a"))
            await asyncio.sleep(0)
            gone.cancel()
        await asyncio.wait_for(stays, 5)
        await asyncio.wait_for(_through(scheduler, "b"), 5)

    asyncio.run(ask())


def test_who_goes_away_in_the_moment_of_its_turn_gives_it_back() -> None:
    scheduler = Scheduler(1, 10)

    async def ask() -> None:
        async with scheduler.thread("a"):
            gone = asyncio.ensure_future(_through(scheduler, "a"))
            await asyncio.sleep(0)
        gone.cancel()  # its turn has been set, and it has not run yet
        await asyncio.wait([gone])
        assert gone.cancelled()
        await asyncio.wait_for(_through(scheduler, "b"), 5)

    asyncio.run(ask())


async def _through(scheduler: Scheduler, model: str) -> None:
    async with scheduler.thread(model):
        await asyncio.sleep(0)
