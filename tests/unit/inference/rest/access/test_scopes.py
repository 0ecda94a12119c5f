"""Scopes of one model, on both ways to an answer and on every route that names a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from opentelemetry.trace import NoOpTracer
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.unit.inference.rest.test_protocol import GOOD, JSON, ONE, exchange, request_of, told
from tests.unit.inference.rest_app import Deployed, deployed, served, shipped_endpoints
from tidemill.service import Health
from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.rest.dataplane import Answered, ModelEndpoint
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.protocols.v1 import add_v1
from tidemill_inference.rest.protocols.v2 import add_v2
from tidemill_inference.rest.tracing import RequestSpans

MINE, OTHER = "flight-delay", "telecom-churn"


@dataclass(frozen=True)
class World:
    """The service with the short cut and without it; and a key for MINE alone."""

    service: Deployed
    lean: str
    whole: str
    narrow: str

    def client(self, key: str) -> TestClient:
        return TestClient(self.service.app, headers={"X-API-Key": key, "Host": "test"})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    service = deployed(shipped_endpoints([MINE, OTHER]), tmp_path_factory.mktemp("keys"))
    narrow = service.new_key(f"predict:{MINE}", f"ingest:{OTHER}")
    with served(service) as lean, served(replace(service, protocol=HttpToolsProtocol)) as whole:
        yield World(service, lean, whole, narrow)


def asked(model: str, key: str) -> bytes:
    return request_of(ONE, f"X-API-Key: {key}", JSON, path=f"/v1/models/{model}/predict")


@pytest.mark.parametrize(("model", "status"), [(MINE, 200), (OTHER, 403), ("nobody", 403)])
def test_both_ways_let_a_key_of_one_model_ask_for_that_alone(world: World, model: str, status: int) -> None:
    data = asked(model, world.narrow)
    assert told(world.lean, data) == told(world.whole, data)
    ((line, _, body),) = exchange(world.lean, data)
    assert int(line.split()[1]) == status
    if status == 403:
        assert f"lacks the scope predict:{model} " in json.loads(body)["message"]


def test_a_key_of_before_asks_for_every_model_on_both_ways(world: World) -> None:
    for model in (MINE, OTHER):
        for way in (world.lean, world.whole):
            ((line, _, body),) = exchange(way, asked(model, world.service.key))
            assert line.split()[1] in (b"200", b"422"), body  # the body is MINE's


def test_both_ways_log_who_asked_each_prediction_those_that_are_scored_together_too(tmp_path: Path) -> None:
    logged: list[tuple[str, str | None]] = []

    def log(endpoint: ModelEndpoint, answered: Answered, contexts: Sequence[RequestContext]) -> None:
        logged.extend(zip(answered.event_ids, [context.caller for context in contexts], strict=True))

    service = deployed(shipped_endpoints([MINE]), tmp_path, log=log)
    keys = [service.new_key("predict") for _ in range(4)]

    def ask(way: str, number: int) -> None:
        key = keys[number // 2 % len(keys)]
        instances = [{**GOOD, "event_id": f"{key[3:15]} {number} {n}"} for n in range(number % 3 + 1)]
        body = json.dumps({"instances": instances}).encode()
        ((line, _, told),) = exchange(way, request_of(body, f"X-API-Key: {key}", JSON))
        assert line.split()[1] == b"200", told

    slow = replace(service, protocol=HttpToolsProtocol)
    with served(service) as lean, served(slow) as whole, ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, [lean, whole] * 30, range(60)))
    assert len(logged) == sum(number % 3 + 1 for number in range(60))
    assert [caller for _, caller in logged] == [f"key:{event_id.split()[0]}" for event_id, _ in logged]
    assert len({caller for _, caller in logged}) == len(keys)


def routes_of_models() -> list[tuple[str, str]]:
    """Method and template of every route that names a model: found, so that one that comes later is asked for, too."""
    predicting = Predicting({}, lambda *_: None, Limits(1, 1, 1), RequestSpans(NoOpTracer()))
    app = FastAPI()
    add_v1(app, predicting)
    add_v2(app, predicting, Health())
    routes = [route for route in app.routes if isinstance(route, APIRoute) and "{model}" in route.path]
    return [(method, route.path) for route in routes for method in sorted(route.methods or ())]


@pytest.mark.parametrize(("method", "template"), routes_of_models())
def test_every_route_that_names_a_model_asks_for_its_scope(world: World, method: str, template: str) -> None:
    def status(model: str, key: str) -> int:
        path = template.format(model=model, number=1)
        return (
            world.client(key)
            .request(method, path, content=ONE, headers={"Content-Type": "application/json"})
            .status_code
        )

    assert status(OTHER, world.narrow) == 403
    assert status(MINE, world.narrow) == status(MINE, world.service.key) != 403
    assert status(OTHER, world.service.key) != 403


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/telecom%2Dchurn/predict", f"//v1/models/{OTHER}/predict", f"/v1/models/{OTHER}/predict/",
        f"/v1/models/{MINE}/../{OTHER}/predict", f"/v1/models/{MINE}%2F..%2F{OTHER}/predict",
        f"/V1/models/{OTHER}/predict",
        f"/v1/models/{OTHER}/predict?model={MINE}", f"/v1//models/{OTHER}/predict", f"/v1/models/{OTHER}%00/predict",
    ],
)  # fmt: skip
def test_no_other_spelling_of_a_path_gets_round_it(world: World, path: str) -> None:
    data = request_of(ONE, f"X-API-Key: {world.narrow}", JSON, path=path)
    for way in (world.lean, world.whole):
        ((line, _, body),) = exchange(way, data)
        assert line.split()[1] in (b"403", b"404"), (path, body)
        assert b"prediction_id" not in body


def test_lists_show_what_the_caller_may_ask_for(world: World) -> None:
    def names(key: str) -> list[str]:
        return [model["name"] for model in world.client(key).get("/v1/models").json()["models"]]

    assert names(world.narrow) == [MINE]
    assert sorted(names(world.service.key)) == sorted([MINE, OTHER])
    ghost = world.service.new_key("predict:ghost")
    assert names(ghost) == []
    answer = world.client(ghost).get("/v1/models/ghost")
    assert (answer.status_code, answer.json()["message"]) == (404, "no model 'ghost' here: there are none")
    assert OTHER in world.client(world.service.key).get("/v1/models/ghost").json()["message"]


def test_a_key_for_ingest_alone_sees_nothing_here(world: World) -> None:
    key = world.service.new_key(f"ingest:{MINE}")
    for path in ("/v1/models", f"/v1/models/{MINE}", f"/v2/models/{MINE}"):
        assert world.client(key).get(path).status_code == 403
