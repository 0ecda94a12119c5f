"""Models that must be loaded first, over REST: the application in this process, two models, room for one."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from opentelemetry.trace import NoOpTracer

from tests.unit.inference.fakes import FEATURE, NOW_MS, endpoint, event
from tests.unit.inference.model_cache.caches import Shelves
from tidemill.artifact import ArtifactError
from tidemill.service import Health
from tidemill_inference.model_cache.lazy_model import NotLoaded
from tidemill_inference.rest.app import create_app
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.scheduling.cold_load import WantedModels
from tidemill_inference.rest.tracing import RequestSpans
from tidemill_inference.serving.serving import Predictor, Serving

ONE = {FEATURE: 100}


class World:
    """Models `a` (version 1) and `b` (version 2), none of them loaded."""

    def __init__(self) -> None:
        self.shelves = Shelves(models=1)
        endpoints = {}
        for version, name in ((1, "a"), (2, "b")):
            predictor = Predictor(name)
            shelved = self.shelves.take(version, name)
            predictor.switch(Serving(event(version, model=name), shelved, NOW_MS), NOW_MS, live=False)
            endpoints[name] = endpoint(predictor)
        limits = Limits(body_bytes=100_000, instances=50, retry_after_s=2, batch_queue=2)
        self.app = create_app(Predicting(endpoints, lambda *_: None, limits, RequestSpans(NoOpTracer(), 0.0)), Health())
        self.threads: set[str] = set()
        self.shelves.during_load = lambda: self.threads.add(threading.current_thread().name)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test")

    def ask(self, model: str, *instances: dict[str, Any]) -> httpx.Response:
        async def call() -> httpx.Response:
            async with self.client() as client:
                body = instances[0] if len(instances) == 1 else {"instances": list(instances)}
                return await client.post(f"/v1/models/{model}/predict", json=body)

        return asyncio.run(call())

    def get(self, path: str) -> Any:
        async def call() -> Any:
            async with self.client() as client:
                return (await client.get(path)).json()

        return asyncio.run(call())


def test_a_model_is_loaded_beside_the_event_loop_and_said_to_be_loaded() -> None:
    world = World()
    assert world.get("/v1/models/a")["loaded"] is False
    assert world.get("/v2/models/a")["parameters"] == {"loaded": False}
    assert world.ask("a", ONE).json()["probability"] == pytest.approx(0.1)
    assert world.ask("b", *[ONE] * 40).json()["predictions"][39]["probability"] == pytest.approx(0.2)
    assert [world.get(f"/v1/models/{name}")["loaded"] for name in "ab"] == [False, True]
    assert world.shelves.loads == [1, 2]
    assert threading.current_thread().name not in world.threads


def test_requests_of_a_loaded_model_go_on_while_another_is_loaded_once_for_all_who_ask() -> None:
    world = World()
    go = threading.Event()
    order: list[str] = []

    async def story() -> None:
        async with world.client() as client:

            async def ask(model: str) -> None:
                answer = await client.post(f"/v1/models/{model}/predict", json=ONE)
                assert answer.status_code == 200
                order.append(model)

            await ask("b")
            world.shelves.during_load = lambda: go.wait(10)
            waiting = [asyncio.ensure_future(ask("a")) for _ in range(20)]
            async with asyncio.timeout(10):
                while len(world.shelves.loads) < 2:
                    await asyncio.sleep(0)
            await ask("b")
            go.set()
            await asyncio.gather(*waiting)

    asyncio.run(story())
    assert order == ["b", "b"] + ["a"] * 20
    assert world.shelves.loads == [2, 1]


def test_a_model_that_cannot_be_loaded_is_503_with_the_time_to_come_back_and_the_other_answers() -> None:
    world = World()
    world.shelves.error = OSError("the store is away")
    for instances in ((ONE,), (ONE,) * 40):
        refused = world.ask("a", *instances)
        assert (refused.status_code, refused.json()["error"]) == (503, "not_loaded")
        assert int(refused.headers["Retry-After"]) >= 1
        assert "store" not in refused.text  # the log has the reason, and where things lie
    world.shelves.error = None
    assert world.ask("b", ONE).status_code == 200
    world.shelves.seconds = 60.0
    assert world.ask("a", ONE).status_code == 200


def test_a_version_that_turns_out_to_be_unfit_is_told_and_answers_nothing() -> None:
    world = World()
    world.shelves.error = ArtifactError("golden rows differ")
    assert world.ask("a", ONE).json()["error"] == "not_loaded"
    assert world.shelves.unfit == [1]


def test_who_waits_too_long_is_told_to_come_back_and_the_load_goes_on() -> None:
    world = World()
    go = threading.Event()
    world.shelves.during_load = lambda: go.wait(10)
    serving = Serving(event(1), world.shelves.take(1), NOW_MS)

    async def story() -> None:
        wanted = WantedModels(longest_wait_s=0.01)
        patient = WantedModels()
        with pytest.raises(NotLoaded):
            await wanted.load(serving)
        go.set()
        assert len(await patient.load(serving)) == 1

    asyncio.run(story())
    assert world.shelves.loads == [1]


def test_large_requests_beyond_the_line_of_their_model_are_told_to_come_back() -> None:
    world = World()
    go = threading.Event()
    world.ask("a", ONE)
    original = Serving.predict_inputs

    def slow(self: Serving, inputs: Any) -> Any:
        go.wait(10)
        return original(self, inputs)

    async def story() -> list[int]:
        async with world.client() as client:
            body = {"instances": [ONE] * 40}
            asked = [asyncio.ensure_future(client.post("/v1/models/a/predict", json=body)) for _ in range(4)]
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=10)
            assert [answer.result().json()["error"] for answer in done] == ["busy"]
            assert all(answer.result().headers["Retry-After"] == "2" for answer in done)
            go.set()
            return sorted([(await answer).status_code for answer in asked])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Serving, "predict_inputs", slow)
        assert asyncio.run(story()) == [200, 200, 200, 503]
