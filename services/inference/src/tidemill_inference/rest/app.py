"""The application: protocols, operations, and the layers around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from tidemill.access import Scope
from tidemill.access.authorizer import Gate
from tidemill.access.log.layer import Logged
from tidemill.access.log.lines import AccessLog
from tidemill.access.paths import Templates
from tidemill.service import Health, Report
from tidemill.web.instrument import Instrument
from tidemill.web.layers import NO_TELEMETRY, REDIRECT_SLASHES, access_layers, needing
from tidemill.web.metrics import exposition
from tidemill.web.pages import DocsPages
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

_OPEN: Final = ("/v2", "/v2/health/live", "/v2/health/ready")
"""The server's own metadata, beside what every interface leaves open."""
_TENSORS: Final = "Inference-Header-Content-Length"


def create_app(
    predicting: Predicting,
    health: Health,
    *,
    gate: Gate | None = None,
    cors_origins: Sequence[str] = (),
    visitors: Visitors | None = None,
    access_log: AccessLog | None = None,
) -> ASGIApp:
    """The application. `gate`: who is let in, None where access is off. `visitors`: by which names and from which
    pages, None for any. `access_log`: None where nobody asks for one.
    """
    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY, redirect_slashes=REDIRECT_SLASHES
    )
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(Exception, answer_defect)
    add_v1(app, predicting)
    add_v2(app, predicting, health)
    _add_operations(app, health)
    _add_description(app, predicting.endpoints, predicting.limits)
    layered: ASGIApp = Turns(DocsPages(app, "Tidemill inference"), predicting.endpoints, predicting.scheduler)
    scope_of, templates = needing(Scope.PREDICT, _OPEN), Templates(app.routes)
    for layer in access_layers(
        scope_of,
        gate=gate,
        visitors=visitors,
        cors_origins=cors_origins,
        asked=[_TENSORS],
        told=[_TENSORS, "X-Model-Epoch", "X-Model-Version"],
        render=render_refusal,
        model_of=templates.model_of,
    ):
        layered = layer.cls(layered, *layer.args, **layer.kwargs)
    counted = Instrument(layered)  # outside the framework's layers: a defect's answer is counted and named too
    return counted if access_log is None else Logged(counted, access_log, scope_of, templates)


def _add_description(app: FastAPI, endpoints: Mapping[str, ModelEndpoint], limits: Limits) -> None:
    described = (tuple(endpoints.values()), describe_api(endpoints, limits))

    @app.get("/openapi.json")
    async def openapi() -> Response:
        nonlocal described
        now = tuple(endpoints.values())
        if now != described[0]:  # models were taken up since
            described = (now, describe_api(endpoints, limits))
        return json_response(described[1])


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
