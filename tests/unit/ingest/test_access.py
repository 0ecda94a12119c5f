from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.unit.core.access.support import Time, key_store
from tests.unit.ingest.conftest import Ingest
from tidemill.access.authorizer import Gate
from tidemill.access.credentials.callers import Scope
from tidemill.access.credentials.ring import KeyRing
from tidemill.access.limits.rates import LocalRates
from tidemill.access.log.lines import LOGGER, AccessLog
from tidemill.access.storage.store import KeyStore
from tidemill.web.visitors import Visitors
from tidemill_ingest.web.api import create_app

EVENTS = "/v1/events/flight-delay"
PAGE = "https://shop.example.org"


@pytest.fixture
def keys(tmp_path: Path) -> dict[Scope, str]:
    store = key_store(tmp_path, Time())
    return {scope: store.create(scope, [scope], by="ada", rate="2/minute").text for scope in Scope}


@pytest.fixture
def log() -> AccessLog:
    """Not started: a test writes what waits."""
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    return AccessLog("flight-delay".__eq__)


@pytest.fixture
def client(ingest: Ingest, tmp_path: Path, keys: dict[Scope, str], log: AccessLog) -> TestClient:
    ring = KeyRing(key_store(tmp_path, Time()).all, Time().now_ms)
    ring.refresh()

    async def ready() -> str | None:
        return None

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    app = create_app(
        ingest.service, ready, lifespan, max_body_bytes=50_000, retry_after_s=7,
        gate=Gate(ring, rates=LocalRates()), cors_origins=(PAGE,), access_log=log,
    )  # fmt: skip
    return TestClient(app)


def test_a_key_of_one_model_pushes_to_that_alone_and_knows_of_that_alone(ingest: Ingest, tmp_path: Path) -> None:
    store = key_store(tmp_path, Time())
    other, mine = (store.create("x", [f"ingest:{model}"], by="ada").text for model in ("ghost", "flight-delay"))
    client = narrow_client(ingest, store)
    event = {"event_id": "a", "scheduled_at": 1_700_000_000_000}
    for path in (EVENTS, "/v1/labels/flight-delay"):
        refused = client.post(path, json=event, headers={"X-API-Key": other})
        assert (refused.status_code, refused.json()["error"]) == (403, "missing_scope")
        assert "lacks the scope ingest:flight-delay " in refused.json()["message"]
    assert client.get("/v1/models/flight-delay", headers={"X-API-Key": other}).status_code == 403
    assert ingest.sink.published == []
    assert client.post(EVENTS, json=event, headers={"X-API-Key": mine}).status_code == 202
    unknown = client.post("/v1/events/ghost", json=event, headers={"X-API-Key": other})
    assert (unknown.status_code, unknown.json()["models"]) == (404, [])
    described = client.get("/v1/models/ghost", headers={"X-API-Key": other})
    assert (described.status_code, described.json()["models"]) == (404, [])


def test_the_access_log_says_who_pushed_to_what_and_never_what(
    client: TestClient, keys: dict[Scope, str], log: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    event = {"event_id": "planted", "scheduled_at": 1_700_000_000_000}
    client.post(f"{EVENTS}?make_ids=planted", json=event, headers={"X-API-Key": keys[Scope.INGEST]})
    client.post(EVENTS, json=event, headers={"X-API-Key": keys[Scope.INGEST]})
    client.post(EVENTS, json=event, headers={"X-API-Key": keys[Scope.PREDICT]})
    client.post("/v1/events/planted", json=event)
    client.get("/health/live")
    log.flush()
    told = [vars(record) for record in caplog.records if record.name == LOGGER]
    seen = [(line["status"], line["path"], line["model"], line["refused"]) for line in told]
    assert seen == [
        (400, "/v1/events/{model}", "flight-delay", None), (202, "/v1/events/{model}", "flight-delay", None),
        (403, "/v1/events/{model}", "flight-delay", "missing_scope"),
        (401, "/v1/events/{model}", None, "no_credential"),
    ]  # fmt: skip
    pushed, asked = (f"key:{keys[scope][3:15]}" for scope in (Scope.INGEST, Scope.PREDICT))
    assert [line["caller"] for line in told] == [pushed, pushed, asked, None]
    assert len(told[1]["trace_id"]) == 32  # that of the records in Kafka, which it did not bring
    assert told[1]["bytes_in"] > 0 < told[1]["bytes_out"]
    assert "planted" not in str(told)


def narrow_client(ingest: Ingest, store: KeyStore) -> TestClient:
    """The interface, which has read the keys of a store."""
    ring = KeyRing(store.all, Time().now_ms)
    ring.refresh()

    async def ready() -> str | None:
        return None

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    app = create_app(ingest.service, ready, lifespan, max_body_bytes=50_000, retry_after_s=7, gate=Gate(ring))
    return TestClient(app)


def test_events_need_a_key_with_the_scope_ingest(client: TestClient, keys: dict[Scope, str]) -> None:
    nobody = client.post(EVENTS, json={"distance": 1})
    assert (nobody.status_code, nobody.json()["error"]) == (401, "no_credential")
    assert nobody.headers["X-Request-ID"]
    other = client.post(EVENTS, json={"distance": 1}, headers={"X-API-Key": keys[Scope.PREDICT]})
    assert (other.status_code, other.json()["error"]) == (403, "missing_scope")
    headers = {"Authorization": f"Bearer {keys[Scope.INGEST]}"}
    event = {"event_id": "a", "scheduled_at": 1_700_000_000_000}
    assert client.post(EVENTS, json=event, headers=headers).status_code == 202


def test_above_its_rate_a_key_is_429_with_retry_after(client: TestClient, keys: dict[Scope, str]) -> None:
    answers = [client.post(EVENTS, json={}, headers={"X-API-Key": keys[Scope.ADMIN]}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert int(answers[2].headers["Retry-After"]) > 0


def test_health_metrics_and_the_description_are_open(client: TestClient) -> None:
    for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json"):
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("path", ["/v1", "//v1/events/flight-delay", "/v1/events/x/", "/V1/events/x", "/health"])
def test_every_other_path_is_closed(client: TestClient, path: str) -> None:
    assert client.post(path, json={}, follow_redirects=False).status_code == 401


def test_nobody_is_led_elsewhere_by_a_slash_too_many(client: TestClient, keys: dict[Scope, str]) -> None:
    """Behind a gateway that ends TLS a redirect would lead to http, and the key with it."""
    answer = client.post(f"{EVENTS}/", json={}, headers={"X-API-Key": keys[Scope.ADMIN]}, follow_redirects=False)
    assert answer.status_code == 404 and "location" not in answer.headers


def test_a_page_of_an_origin_that_is_named_may_ask_and_another_may_not(client: TestClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    allowed = client.options(EVENTS, headers={"Origin": PAGE, **asked})
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    refused = client.options(EVENTS, headers={"Origin": "https://evil.example.org", **asked})
    assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.fixture
def at_home(ingest: Ingest) -> TestClient:
    """Without keys, on loopback: as the embedded platform serves it."""

    async def ready() -> str | None:
        return None

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    app = create_app(
        ingest.service, ready, lifespan, max_body_bytes=50_000, retry_after_s=7, cors_origins=(PAGE,),
        visitors=Visitors("loopback", origins=(PAGE,)),
    )  # fmt: skip
    return TestClient(app, base_url="http://localhost:8081")


JSON = "application/json"
GOOD = b'{"event_id": "a", "scheduled_at": 1700000000000}'


@pytest.mark.parametrize("path", [EVENTS, "/v1/labels/flight-delay"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {},
        {"Content-Type": JSON, "Origin": "http://evil.example.org"},
        {"Content-Type": JSON, "Origin": "null"},
        {"Content-Type": JSON, "Origin": "http://localhost:3000"},
        {"Content-Type": JSON, "Sec-Fetch-Site": "cross-site"},
        {"Content-Type": JSON, "Host": "evil.example.org"},
        {"Content-Type": JSON, "Host": "evil.example.org:8081", "Origin": "http://evil.example.org:8081"},
        {"Content-Type": JSON, "Host": "ingest"},
        {"Content-Type": JSON, "Host": "10.0.0.7"},
    ],
    ids=str,
)
def test_a_web_page_can_push_nothing_where_no_key_is_asked_for(
    at_home: TestClient, ingest: Ingest, path: str, headers: dict[str, str]
) -> None:
    answer = at_home.post(path, content=GOOD, headers=headers)
    assert answer.status_code in (403, 415), answer.text
    assert "TIDEMILL_" in answer.json()["message"] or "Content-Type" in answer.json()["message"]
    assert answer.headers["X-Request-ID"]
    assert ingest.sink.published == []


@pytest.mark.parametrize("host", ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "127.5.5.5", "a.localhost"])
def test_programs_and_its_own_pages_push_as_before(at_home: TestClient, host: str) -> None:
    headers = {"Content-Type": JSON, "Host": host}
    assert at_home.post(EVENTS, content=GOOD, headers=headers).status_code == 202
    assert at_home.post(EVENTS, content=GOOD, headers={**headers, "Origin": f"http://{host}"}).status_code == 202
    page = at_home.post(EVENTS, content=GOOD, headers={**headers, "Origin": PAGE})
    assert (page.status_code, page.headers["Access-Control-Allow-Origin"]) == (202, PAGE)
