"""The application: protocols, operations, and the layers around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from tidemill.access import Scope
from tidemill.access.authorizer import Gate
from tidemill.access.middleware import Guarded, Visited
from tidemill.service import Health, Report
from tidemill.web.instrument import Instrument
from tidemill.web.metrics import exposition
from tidemill.web.pages import PAGES, DocsPages
from tidemill.web.visitors import Visitors
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.problems import (
    Problem,
    answer_defect,
    answer_http_exception,
    answer_problem,
    json_response,
    render_refusal,
)
from tidemill_inference.rest.protocols.openapi import describe_api
from tidemill_inference.rest.protocols.v1 import add_v1
from tidemill_inference.rest.protocols.v2 import add_v2
from tidemill_inference.rest.scheduling.middleware import Turns

__all__ = ["create_app"]

_OWN_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own spans and metrics would stand beside ours: three more spans a request, health checks too."""

_OPEN = frozenset(
    {"/health/live", "/health/ready", "/metrics", "/openapi.json", "/v2", "/v2/health/live", "/v2/health/ready"} | PAGES
)
_CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": [
        "Authorization",
        "Content-Type",
        "Inference-Header-Content-Length",
        "X-API-Key",
        "X-Request-ID",
        "traceparent",
    ],
    "expose_headers": [
        "Inference-Header-Content-Length",
        "Retry-After",
        "X-Model-Epoch",
        "X-Model-Version",
        "X-Request-ID",
    ],
}


def create_app(
    predicting: Predicting,
    health: Health,
    *,
    gate: Gate | None = None,
    cors_origins: Sequence[str] = (),
    visitors: Visitors | None = None,
) -> ASGIApp:
    """The application. `gate`: who is let in, None where access is off. `visitors`: by which names and from which
    pages, None for any.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, telemetry=_OWN_TELEMETRY)
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(Exception, answer_defect)
    add_v1(app, predicting)
    add_v2(app, predicting, health)
    _add_operations(app, health)
    _add_description(app, predicting.endpoints, predicting.limits)
    layered: ASGIApp = DocsPages(app, "Tidemill inference")
    if len(predicting.endpoints) > 1:
        layered = Turns(layered, predicting.endpoints, predicting.scheduler)
    if gate is not None:
        layered = Guarded(layered, gate, scope_of, render_refusal)
    if cors_origins:
        layered = CORSMiddleware(layered, allow_origins=cors_origins, **_CORS)
    if visitors is not None:
        layered = Visited(layered, visitors, render_refusal)
    return Instrument(layered)  # outside the framework's layers: a defect's answer is counted and named too


def scope_of(path: str) -> Scope | None:
    """What a path needs: everything but health, metrics, the server's own metadata and the description is closed."""
    return None if path in _OPEN else Scope.PREDICT


def _add_description(app: FastAPI, endpoints: Mapping[str, ModelEndpoint], limits: Limits) -> None:
    document = describe_api(endpoints, limits)

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return json_response(document)


def _add_operations(app: FastAPI, health: Health) -> None:
    @app.get("/health/live")
    async def live() -> Response:
        return _report(health.live())

    @app.get("/health/ready")
    async def ready() -> Response:
        return _report(health.ready())

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        content, content_type = exposition(request.headers.get("accept"))
        return Response(content, headers={"Content-Type": content_type})


def _report(report: Report) -> Response:
    return json_response(report.content, report.status, None if report.ok else {"Retry-After": "2"})
