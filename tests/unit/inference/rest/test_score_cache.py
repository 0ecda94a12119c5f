from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import redis
from opentelemetry.trace import NoOpTracer
from pydantic import ValidationError

from tests.support.processes.redis_server import fake_redis
from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, ToyModel, endpoint, event
from tidemill.breaker import CircuitBreaker
from tidemill.service import Health
from tidemill_inference.rest.app import create_app
from tidemill_inference.rest.dataplane import Answered
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.score_cache.keys import cache_keys
from tidemill_inference.rest.score_cache.redis import ScoreCache
from tidemill_inference.rest.tracing import RequestSpans
from tidemill_inference.serving.serving import Predictor, Serving
from tidemill_inference.settings import ServeSettings

PREDICT = f"/v1/models/{MODEL}/predict"


class Counting(ToyModel):
    """Counts the rows that it is asked for."""

    asked = 0

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        self.asked += len(inputs[FEATURE])
        return super().score(inputs)


class World:
    """The application with a cache."""

    def __init__(self, url: str, models: tuple[str, ...] = (MODEL,)) -> None:
        self.predictor = Predictor(MODEL)
        self.model = Counting(1)
        self.serve(1)
        self.logged: list[Answered] = []
        self.breaker = CircuitBreaker("redis", failures=2)
        self._url, self._models = url, models

    def serve(self, version: int) -> None:
        self.model = Counting(version)
        self.predictor.switch(Serving(event(version), self.model, NOW_MS), NOW_MS, live=True)

    def ask(self, *instances: dict[str, Any]) -> list[Any]:
        """The answers of some requests, one after the other, in one event loop."""

        async def call() -> list[Any]:
            cache = ScoreCache(self._url, "t-", self._models, 60, self.breaker)
            predicting = Predicting(
                {MODEL: endpoint(self.predictor)}, lambda e, answered, t: self.logged.append(answered),
                Limits(10_000, 50, 2), RequestSpans(NoOpTracer()), cache,
            )  # fmt: skip
            app = create_app(predicting, Health())
            answers = []
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                for instance in instances:
                    answers.append((await client.post(PREDICT, json=instance)).json())
                    await cache.settle()
            return answers

        return asyncio.run(call())


@pytest.fixture
def url() -> Iterator[str]:
    with fake_redis() as url:
        yield url


@pytest.fixture
def world(url: str) -> World:
    return World(url)


def test_the_same_input_is_scored_once_and_every_answer_is_a_prediction_of_its_own(world: World) -> None:
    first, second = world.ask({FEATURE: 100, "event_id": "a"}, {FEATURE: 100.0, "event_id": "b"})
    assert world.model.asked == 1
    assert first["probability"] == second["probability"]
    assert first["prediction_id"] != second["prediction_id"]
    assert [answered.event_ids for answered in world.logged] == [["a"], ["b"]]


def test_what_the_model_does_not_look_at_makes_no_difference_and_what_it_does_look_at_does(world: World) -> None:
    world.ask({FEATURE: 100, "carrier": "UA"}, {FEATURE: 100, "carrier": "AA"})
    assert world.model.asked == 1
    world.ask({FEATURE: 101})
    assert world.model.asked == 2


def test_another_version_never_answers_from_the_ones_before(world: World) -> None:
    (before,) = world.ask({FEATURE: 100})
    world.serve(2)
    (after,) = world.ask({FEATURE: 100})
    assert (before["version"], after["version"]) == (1, 2)
    assert after["probability"] == pytest.approx(2 * before["probability"])


def test_a_batch_of_which_one_is_unknown_is_scored_as_a_whole(world: World) -> None:
    world.ask({"instances": [{FEATURE: 1}, {FEATURE: 2}]}, {"instances": [{FEATURE: 2}, {FEATURE: 1}]})
    assert world.model.asked == 2
    world.ask({"instances": [{FEATURE: 1}, {FEATURE: 3}]})
    assert world.model.asked == 4


def test_rubbish_in_the_cache_is_not_an_answer(world: World, url: str) -> None:
    (right,) = world.ask({FEATURE: 100})
    with redis.Redis.from_url(url) as client:
        (key,) = client.keys("*")
        client.set(key, b"rubbish")
    (again,) = world.ask({FEATURE: 100})
    assert again["probability"] == right["probability"]


def test_a_model_that_is_not_named_is_not_cached(url: str) -> None:
    other = World(url, models=("telecom-churn",))
    other.ask({FEATURE: 100}, {FEATURE: 100})
    assert other.model.asked == 2
    with redis.Redis.from_url(url) as client:
        assert client.keys("*") == []


def test_while_redis_is_away_predictions_go_on_and_it_is_soon_left_alone(tmp_path: Path) -> None:
    alone = World(f"unix://{tmp_path / 'nobody.sock'}")
    answers = alone.ask(*({FEATURE: n} for n in range(1, 6)))
    assert [answer["version"] for answer in answers] == [1] * 5
    assert alone.breaker.is_open


def test_keys_differ_with_every_input_and_not_with_the_sign_of_zero() -> None:
    predictor = Predictor(MODEL)
    predictor.switch(Serving(event(1), ToyModel(1), NOW_MS), NOW_MS, live=True)
    one = endpoint(predictor)
    keys = cache_keys(one.prepare([{FEATURE: value} for value in (0.0, -0.0, 1.0, 1.5, None, 2.0**24, 2.0**24 + 1)]))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 6, "two ids that differ by one have two answers"


def test_a_cache_without_redis_is_refused() -> None:
    with pytest.raises(ValidationError, match="TIDEMILL_REDIS_URL"):
        ServeSettings(cache_models=("flight-delay",))


def test_lists_in_settings_are_read_from_text(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"MODELS": "a, b", "CACHE_MODELS": "a,b", "REDIS_URL": "redis://r:6379/0", "CORS_ORIGINS": "https://c"}
    for name, value in named.items():
        monkeypatch.setenv(f"TIDEMILL_{name}", value)
    settings = ServeSettings()
    assert (settings.models, settings.cache_models, settings.cors_origins) == (("a", "b"), ("a", "b"), ("https://c",))
