"""Fair turns on the event loop, counted: no clock and no socket."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill_inference.rest.scheduling.middleware import Turns, asked_model
from tidemill_inference.rest.scheduling.scheduler import WINDOW_S, Scheduler


def scope(model: str, tail: str = "predict", version: str = "v1") -> Scope:
    return {"type": "http", "method": "POST", "path": f"/{version}/models/{model}/{tail}"}


class Application:
    """Notes who begins, in which order."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.append(asked_model(scope) or scope["path"])


def turns_of(application: ASGIApp, *models: str, each: int) -> Turns:
    """Where all of them were asked a moment ago."""
    scheduler = Scheduler(each=each, monotonic_s=lambda: 0.0)
    for model in ("another", *models):
        scheduler.note(model)
    return Turns(application, models, scheduler)


async def receive() -> dict[str, object]:
    return {}


async def send(message: object) -> None:
    return None


def test_the_model_is_named_by_the_path_of_a_prediction_and_by_no_other() -> None:
    assert asked_model(scope("a")) == "a"
    assert asked_model(scope("a", "infer", "v2")) == "a"
    assert asked_model(scope("a", "versions/7/infer", "v2")) == "a"
    assert asked_model(scope("a", "ready", "v2")) == ""
    assert asked_model({"type": "http", "path": "/v1/models/a"}) == ""
    assert asked_model({"type": "http", "path": "/metrics"}) == ""
    assert asked_model({"type": "lifespan"}) == ""


@given(busy=st.integers(min_value=0, max_value=60), each=st.integers(min_value=1, max_value=4))
@settings(max_examples=30, deadline=None)
def test_one_request_waits_for_no_more_than_a_few_of_a_busy_model(busy: int, each: int) -> None:
    application = Application()
    turns = turns_of(application, "busy", "other", each=each)

    async def ask() -> None:
        asked = [asyncio.ensure_future(turns(scope("busy"), receive, send)) for _ in range(busy)]
        asked.append(asyncio.ensure_future(turns(scope("other"), receive, send)))
        await asyncio.gather(*asked)

    asyncio.run(ask())
    assert sorted(application.begun) == ["busy"] * busy + ["other"]
    assert application.begun.index("other") <= each  # what comes last goes before all but the first few


def test_two_busy_models_alternate_whatever_their_numbers() -> None:
    application = Application()
    turns = turns_of(application, "a", "b", each=1)

    async def ask() -> None:
        await asyncio.gather(*(turns(scope(model), receive, send) for model in ["a"] * 40 + ["b"] * 10))

    asyncio.run(ask())
    assert abs(application.begun[:20].count("a") - 10) <= 1
    assert application.begun[-29:] == ["a"] * 29


def test_a_model_that_alone_is_asked_waits_for_no_rounds() -> None:
    application = Application()
    scheduler = Scheduler(each=1)
    turns = Turns(application, ["a", "b"], scheduler)

    async def ask(models: str) -> str:
        application.begun.clear()
        await asyncio.gather(*(turns(scope(model), receive, send) for model in models))
        return "".join(application.begun)

    async def story() -> None:
        assert await ask("aaa") == "aaa"
        assert not scheduler.several
        assert await ask("abaaab") == "ababaa"  # by turns: the first of each round is who waited longest for one

    asyncio.run(story())


def test_models_share_the_loop_for_a_minute_after_another_was_asked() -> None:
    now = [0.0]
    scheduler = Scheduler(monotonic_s=lambda: now[0])
    for model in "aaa":
        scheduler.note(model)
    assert not scheduler.several
    now[0] = 5.0
    scheduler.note("b")
    assert scheduler.several
    now[0] = 5.0 + WINDOW_S + 1
    scheduler.note("b")
    assert not scheduler.several


def test_a_model_keeps_the_order_of_its_requests() -> None:
    begun: list[str] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        begun.append(scope["path"])

    turns = turns_of(note, "a", "b", each=2)

    async def ask() -> None:
        await asyncio.gather(
            *(turns(scope("a", f"versions/{number}/infer", "v2"), receive, send) for number in range(9))
        )

    asyncio.run(ask())
    assert begun == [f"/v2/models/a/versions/{number}/infer" for number in range(9)]


def test_a_client_that_goes_away_takes_nobodys_turn() -> None:
    application = Application()
    turns = turns_of(application, "a", "b", each=1)

    async def ask() -> None:
        asked = [asyncio.ensure_future(turns(scope("a"), receive, send)) for _ in range(6)]
        await asyncio.sleep(0)
        for waits in asked[2:5]:
            waits.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(ask())
    assert application.begun == ["a"] * 3


def test_other_requests_and_other_models_pass() -> None:
    application = Application()
    turns = turns_of(application, "a", each=1)

    async def ask() -> None:
        paths = [{"type": "http", "path": "/metrics"}] * 5 + [scope("unknown")] * 5
        for path in paths:
            await turns(path, receive, send)

    asyncio.run(ask())
    assert len(application.begun) == 10
