"""Every way to the same scheduler, together: counted, without a clock and a socket."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill_inference.rest.scheduling.fair_queue import FairQueue
from tidemill_inference.rest.scheduling.scheduler import ALONE, Scheduler, Work


def shared(*models: str) -> Scheduler:
    """Where all of them were asked a moment ago."""
    scheduler = Scheduler(monotonic_s=lambda: 0.0)
    for model in models:
        scheduler.note(model)
    return scheduler


def noting(order: list[str], name: str, cost: int | None = None) -> Work:
    """Work that notes its name and takes so much of a turn, or all of it."""

    def work(most: int) -> int:
        order.append(name)
        return most if cost is None else cost

    return work


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_the_model_whose_turn_is_longest_ago_is_next_and_keeps_its_own_order(asked: list[str]) -> None:
    queue: FairQueue[int] = FairQueue()
    for number, model in enumerate(asked):
        queue.put(model, number)
    taken: list[tuple[str, int]] = []
    while queue:
        waits = {model for model in "abc" if queue.waiting(model)}
        model = queue.next_model()
        latest = {name: max((at for at, (by, _) in enumerate(taken) if by == name), default=-1) for name in waits}
        assert latest[model] == min(latest.values())
        taken.append((model, queue.take(model)))
    for name in "abc":
        assert [n for by, n in taken if by == name] == [n for n, by in enumerate(asked) if by == name]


@given(calls=st.integers(0, 6), alone=st.integers(0, 6), whole=st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_one_request_waits_for_one_turn_of_a_model_that_is_asked_in_every_way(
    calls: int, alone: int, whole: int
) -> None:
    """`calls` take a turn each, `alone` count as one request, `whole` begin by themselves: a turn in sum goes
    before the lone request, and what began at once.
    """
    order: list[str] = []

    async def story() -> None:
        scheduler = shared("busy", "lone")
        asked = [asyncio.ensure_future(_through(scheduler, "busy", order)) for _ in range(whole)]
        for _ in range(calls):
            scheduler.put("busy", noting(order, "call"))
        for _ in range(alone):
            scheduler.put("busy", noting(order, "busy", 1))
        asked.append(asyncio.ensure_future(_through(scheduler, "lone", order)))
        await asyncio.gather(*asked)
        async with asyncio.timeout(10):
            while len(order) < calls + alone + whole + 1:
                await asyncio.sleep(0)

    asyncio.run(story())
    before = order[: order.index("lone")]
    cost = sum(ALONE if one == "call" else 1 for one in before)
    assert cost <= 2 * ALONE  # what a round has of it, beside what had begun in the round before


def test_what_is_left_of_a_turn_goes_on_before_the_rest_of_its_model_and_behind_the_others() -> None:
    order: list[str] = []

    async def story() -> None:
        scheduler = shared("a", "b")
        left = 5

        def part(most: int) -> int:
            nonlocal left
            left -= most
            order.append("part")
            if left > 0:
                scheduler.put_back("a", part)
            return most

        scheduler.put("a", part)
        scheduler.put("a", noting(order, "a"))
        scheduler.put("b", noting(order, "b"))
        async with asyncio.timeout(10):
            while len(order) < 5:
                await asyncio.sleep(0)

    asyncio.run(story())
    assert order == ["part", "b", "part", "part", "a"]


def test_a_defect_in_a_turn_leaves_nobody_waiting() -> None:
    order: list[str] = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: order.append("told"))
        scheduler = shared("a", "b")

        def broken(_: int) -> int:
            raise RuntimeError("a defect")

        scheduler.put("a", broken)
        scheduler.put("b", noting(order, "b"))
        async with asyncio.timeout(10):
            while "b" not in order:
                await asyncio.sleep(0)

    asyncio.run(story())
    assert order == ["told", "b"]


@pytest.mark.parametrize("models", [1, 2])
def test_what_begins_within_a_turn_may_have_more_begin(models: int) -> None:
    order: list[str] = []

    async def story() -> None:
        scheduler = shared(*["a", "b"][:models])

        def begins(_: int) -> int:
            order.append("begins")
            scheduler.put("a", noting(order, "more"))
            if not scheduler.several:
                scheduler.begin_all("a")
            return 1

        scheduler.put("a", begins)
        scheduler.put("a", begins)
        async with asyncio.timeout(10):
            while len(order) < 4:
                await asyncio.sleep(0)

    asyncio.run(story())
    assert sorted(order) == ["begins", "begins", "more", "more"]


async def _through(scheduler: Scheduler, model: str, order: list[str]) -> None:
    turn = scheduler.turn(model)
    if turn is not None:
        await turn
    order.append(model)
