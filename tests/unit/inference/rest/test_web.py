from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import NoOpTracer

from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, ToyModel, endpoint, event, warm_predictor
from tidemill.artifact import ArtifactError
from tidemill.service import Health
from tidemill_inference.rest.app import create_app
from tidemill_inference.rest.dataplane import Answered, ModelEndpoint
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.tracing import RequestSpans
from tidemill_inference.serving.serving import Predictor, Serving

PREDICT = f"/v1/models/{MODEL}/predict"


class Api:
    """The application, called in this process."""

    def __init__(self, predictor: Predictor) -> None:
        self.logged: list[tuple[Answered, bytes]] = []
        self.health = Health()
        limits = Limits(body_bytes=10_000, instances=50, retry_after_s=2)
        predicting = Predicting({MODEL: endpoint(predictor)}, self._log, limits, RequestSpans(NoOpTracer()))
        self.app = create_app(predicting, self.health)

    def _log(self, endpoint: ModelEndpoint, answered: Answered, traceparent: bytes) -> None:
        self.logged.append((answered, traceparent))

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(call())

    def predict(self, **options: Any) -> httpx.Response:
        options.setdefault("headers", {"Content-Type": "application/json"})
        return self.request("POST", PREDICT, **options)


@pytest.fixture
def api() -> Iterator[Api]:
    yield Api(warm_predictor())


def test_one_instance_is_answered_with_the_version_in_a_header(api: Api) -> None:
    answer = api.predict(json={FEATURE: 100})
    assert answer.status_code == 200
    assert answer.json()["probability"] == pytest.approx(0.1, abs=1e-6)
    assert answer.headers["X-Model-Version"] == "1"
    assert len(api.logged) == 1


def test_instances_are_answered_in_their_order(api: Api) -> None:
    answer = api.predict(json={"instances": [{FEATURE: n} for n in range(40)]})
    probabilities = [row["probability"] for row in answer.json()["predictions"]]
    assert probabilities == pytest.approx([n / 1_000 for n in range(40)], abs=1e-6)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":NaN}', b"\xff", b'{"a":1}{', b"[" * 5_000, b'{"a":1,"a":2}'])
def test_malformed_json_is_400(api: Api, body: bytes) -> None:
    answer = api.predict(content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "body",
    [
        [],
        [{FEATURE: 1}],
        5,
        "text",
        {"instances": []},
        {"instances": {}},
        {"instances": [{}], "more": 1},
    ],
)
def test_another_form_of_body_is_422(api: Api, body: object) -> None:
    answer = api.predict(json=body)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_body")


def test_a_wrong_field_is_422_with_the_field_and_the_reason(api: Api) -> None:
    answer = api.predict(json={"instances": [{FEATURE: 1}, {FEATURE: "far"}]})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["index"], error["field"]) == (1, FEATURE)
    assert "number" in error["reason"]
    assert api.logged == []


def test_a_body_that_is_too_large_is_413_and_too_many_instances_are_422(api: Api) -> None:
    assert api.predict(content=b" " * 10_001).status_code == 413

    async def chunks() -> Any:
        for _ in range(11):
            yield b" " * 1_000

    assert api.predict(content=chunks()).status_code == 413
    many = api.predict(json={"instances": [{}] * 51})
    assert (many.status_code, many.json()["error"]) == (422, "too_many_instances")


def test_without_a_version_it_is_503_with_retry_after() -> None:
    answer = Api(Predictor(MODEL)).predict(json={FEATURE: 1})
    assert (answer.status_code, answer.json()["error"]) == (503, "no_version")
    assert answer.headers["Retry-After"] == "2"


def test_unknown_models_paths_and_methods_are_told_apart(api: Api) -> None:
    unknown = api.request("POST", "/v1/models/weather/predict", json={})
    assert (unknown.status_code, unknown.json()["error"]) == (404, "unknown_model")
    assert MODEL in unknown.json()["message"]
    assert api.request("GET", "/nowhere").status_code == 404
    assert api.request("GET", PREDICT).status_code == 405


def test_a_defect_is_500_and_tells_only_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ToyModel):
        def score(self, inputs: object) -> Any:
            raise ArtifactError("secret detail")

    predictor = Predictor(MODEL)
    predictor.switch(Serving(event(1), Broken(1), NOW_MS), NOW_MS, live=True)
    with caplog.at_level("ERROR"):
        answer = Api(predictor).predict(json={FEATURE: 1}, headers={"X-Request-ID": "r-500"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["X-Request-ID"] == "r-500"
    assert caplog.records[0].__dict__["request_id"] == "r-500"
    assert "secret detail" in caplog.text


def test_a_request_id_is_kept_if_it_is_decent_and_given_otherwise(api: Api) -> None:
    assert api.request("GET", "/v1/models", headers={"X-Request-ID": "abc"}).headers["X-Request-ID"] == "abc"
    for rubbish in ("a b", "x" * 129, ""):
        given_id = api.request("GET", "/v1/models", headers={"X-Request-ID": rubbish}).headers["X-Request-ID"]
        assert given_id != rubbish
        assert len(given_id) == 36


def test_a_models_description_has_its_version_and_the_swaps(api: Api) -> None:
    document = api.request("GET", f"/v1/models/{MODEL}").json()
    assert document["ready"] is True
    assert (document["version"], document["epoch"], document["swap_ms"]) == (1, 1, 250)
    assert document["published_at"] == "2023-11-14T22:13:19.750+00:00"
    assert document["inputs"] == [{"name": FEATURE, "kind": "number", "parts": [], "zone": None}]
    assert [(swap["from"], swap["to"], swap["ms"]) for swap in document["history"]] == [(None, 1, 250)]
    record = document["record"]
    assert (record["event_id"], record["event_time"], record["entity"]) == ("event_id", "scheduled_at", "tail_number")
    assert record["schema"]["name"] == "FlightDelay"
    (listed,) = api.request("GET", "/v1/models").json()["models"]
    assert "history" not in listed and "record" not in listed


def test_a_model_without_a_version_is_listed_as_not_ready() -> None:
    (listed,) = Api(Predictor(MODEL)).request("GET", "/v1/models").json()["models"]
    assert listed == {"name": MODEL, "task": "binary", "ready": False}


def test_health_tells_the_reasons(api: Api) -> None:
    api.health.add_ready("models", lambda: "no version serves yet")
    assert api.request("GET", "/health/live").status_code == 200
    ready = api.request("GET", "/health/ready")
    assert (ready.status_code, ready.json()["reasons"]) == (503, {"models": "no version serves yet"})


def test_metrics_have_the_path_template_and_no_foreign_paths(api: Api) -> None:
    api.predict(json={FEATURE: 1})
    api.request("GET", "/secret-7f3a")
    text = api.request("GET", "/metrics").text
    assert 'http_requests_total{method="POST",path="/v1/models/{model}/predict",status="200"}' in text
    assert 'path="unmatched"' in text
    assert "secret-7f3a" not in text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from([FEATURE, "instances", "event_id", "x"]), inner, max_size=4)
            ),
            max_leaves=15,
        ),
    )
)
def test_rubbish_is_never_a_500(api: Api, body: object) -> None:
    answer = api.predict(content=body) if isinstance(body, bytes) else api.predict(json=body)
    assert answer.status_code in (200, 400, 413, 422), answer.text
