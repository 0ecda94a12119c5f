"""*serve* takes up models between two requests: those that have begun end as they began."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from opentelemetry.trace import NoOpTracer

from tests.unit.inference.fakes import MODEL
from tests.unit.inference.rest_app import shipped_endpoints
from tidemill.service import Health
from tidemill_inference.rest.app import create_app
from tidemill_inference.rest.fast_path.route import LeanRoute
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.tracing import RequestSpans

LIMITS = Limits(body_bytes=1 << 20, instances=1_000, retry_after_s=2)
OTHER = "telecom-churn"
JSON_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]


def predicting(*models: str) -> Predicting:
    return Predicting(shipped_endpoints(models), lambda *_: None, LIMITS, RequestSpans(NoOpTracer()))


def path(model: str) -> bytes:
    return f"/v1/models/{model}/predict".encode()


def test_a_new_model_has_its_route_its_turn_and_its_place_in_the_description() -> None:
    service = predicting(MODEL)
    lean, app = LeanRoute(service, None), create_app(service, Health())
    assert lean.takes(path(OTHER), JSON_HEADERS) is None
    assert path(OTHER).decode() not in asyncio.run(described(app))["paths"]
    service.take_up(shipped_endpoints([OTHER]))
    lean.renew()
    assert lean.takes(path(OTHER), JSON_HEADERS) is not None
    assert lean.takes(path(MODEL), JSON_HEADERS) is not None
    assert service.endpoint(OTHER).spec.name == OTHER
    assert {path(MODEL).decode(), path(OTHER).decode()} <= asyncio.run(described(app))["paths"].keys()


def test_a_request_that_began_before_a_change_is_answered_as_it_began() -> None:
    service = predicting(MODEL)
    before = service.endpoint(MODEL)
    batcher = service.batcher(before)
    service.take_up(shipped_endpoints([MODEL]))
    after = service.endpoint(MODEL)
    assert after is not before
    assert service.batcher(before) is batcher
    assert service.batcher(after) is not batcher


def test_what_did_not_change_keeps_its_endpoint_and_what_waits_there() -> None:
    service = predicting(MODEL, OTHER)
    kept = service.endpoint(OTHER)
    batcher = service.batcher(kept)
    service.take_up(shipped_endpoints([MODEL]))
    assert service.endpoint(OTHER) is kept
    assert service.batcher(kept) is batcher


async def described(app: Any) -> dict[str, Any]:
    """The interface's description, as a client gets it."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": "/openapi.json",
        "raw_path": b"/openapi.json", "query_string": b"", "headers": [], "scheme": "http", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    document: dict[str, Any] = json.loads(b"".join(message.get("body", b"") for message in sent))
    return document
