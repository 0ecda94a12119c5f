"""The HTTP interface: routes, statuses, OpenAPI. What a request means is decided in `tidemill_ingest.service`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from tidemill.access import Scope
from tidemill.access.authorizer import Gate, Refusal
from tidemill.access.log.layer import Logged
from tidemill.access.log.lines import AccessLog
from tidemill.access.middleware import caller_of
from tidemill.access.paths import Templates
from tidemill.service import Report
from tidemill.web.content import JSON, BodyTooLarge, known_type, read_bounded
from tidemill.web.instrument import Instrument
from tidemill.web.layers import NO_TELEMETRY, REDIRECT_SLASHES, access_layers, needing
from tidemill.web.metrics import exposition
from tidemill.web.pages import DocsPages
from tidemill.web.visitors import Visitors
from tidemill_ingest.answers import Accepted, Problem
from tidemill_ingest.bodies import NDJSON_TYPES
from tidemill_ingest.idempotency import KEPT, Answers, Attempt, Kept, MalformedKey, attempt_of, event_ids
from tidemill_ingest.records import Target
from tidemill_ingest.service import IngestService, Rejected
from tidemill_ingest.web import docs

_log = logging.getLogger(__name__)

Readiness = Callable[[], Awaitable[str | None]]


class Orjson(JSONResponse):
    """JSON as orjson writes it; lone surrogates from a request cannot break it, as they never get this far."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def create_app(
    service: IngestService,
    ready: Readiness,
    lifespan: Callable[[], Any],
    *,
    max_body_bytes: int,
    retry_after_s: int,
    gate: Gate | None = None,
    cors_origins: Sequence[str] = (),
    visitors: Visitors | None = None,
    answers: Answers | None = None,
    facts: Callable[[], dict[str, Any]] = dict,
    access_log: AccessLog | None = None,
) -> FastAPI:
    """The application. `lifespan` gives the context in which requests are served; `ready` says why they are
    not, or None. `gate`: who is let in; None where access is off. `visitors`: by which names and from which pages;
    None for any. `answers`: where those with an Idempotency-Key are remembered; None for no such keys.
    `facts`: what readiness tells besides. `access_log`: None where nobody asks for one.
    """

    @asynccontextmanager
    async def around(_: FastAPI) -> AsyncIterator[None]:
        async with lifespan():
            yield

    app = FastAPI(
        title="Tidemill ingest",
        description=docs.DESCRIPTION,
        version="1",
        lifespan=around,
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
        redirect_slashes=REDIRECT_SLASHES,
    )
    app.add_middleware(DocsPages, title="Tidemill ingest")
    scope_of, templates = needing(Scope.INGEST), Templates(app.routes)
    for layer in access_layers(
        scope_of,
        gate=gate,
        visitors=visitors,
        cors_origins=cors_origins,
        asked=["Idempotency-Key"],
        model_of=templates.model_of,
    ):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    # the outermost: what is refused before a route is counted and named too
    app.add_middleware(Instrument, on_defect=_note_defect)
    if access_log is not None:
        app.add_middleware(Logged, log=access_log, scope_of=scope_of, templates=templates)

    async def take(role: str, model: str, request: Request, *, may_make_ids: bool = False) -> Response:
        try:
            target = service.target(role, model, _shown(request))
            _refuse_encoded(request)
            kind = _content_type(request)
            make_ids = may_make_ids and _wants_ids(request)
            body = await _read(request, max_body_bytes)
            return await once(target, request, kind, body, make_ids)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Rejected as rejected:
            return _answer(rejected.status, rejected.problem, retry_after_s)

    async def once(target: Target, request: Request, kind: str, body: bytes, make_ids: bool) -> Response:
        attempt = _attempt(target, request, f"{kind} {make_ids}", body) if answers is not None else None
        traceparent, told = request.headers.get("traceparent"), _told_to(request)
        if attempt is None or answers is None:
            found = await service.accept(target, body, kind, traceparent, make_ids=make_ids, told=told)
            return _answer(*found, retry_after_s)
        kept = await answers.begin(attempt)
        if kept is not None:
            return _again(attempt, kept, retry_after_s)
        try:
            ids = event_ids(attempt)
            found = await service.accept(target, body, kind, traceparent, make_ids=make_ids, event_ids=ids, told=told)
        except Exception:
            await answers.forget(attempt)
            raise
        response = _answer(*found, retry_after_s)
        if response.status_code in KEPT:
            await answers.finish(attempt, response.status_code, bytes(response.body))
        else:
            await answers.forget(attempt)
        return response

    @app.post("/v1/events/{model}", **docs.events_route())
    async def post_events(model: str, request: Request) -> Response:
        return await take("raw", model, request, may_make_ids=True)

    @app.post("/v1/labels/{model}", **docs.labels_route())
    async def post_labels(model: str, request: Request) -> Response:
        return await take("labels_raw", model, request)

    @app.get("/v1/models/{model}", **docs.model_route())
    async def get_model(model: str, request: Request) -> Response:
        try:
            return Orjson(service.describe(model, _shown(request)))
        except Rejected as rejected:
            return _answer(rejected.status, rejected.problem, retry_after_s)

    @app.get("/health/live", tags=["health"], summary="The process answers.")
    async def live() -> dict[str, Any]:
        return Report(ok=True, reasons={}).content

    @app.get("/health/ready", tags=["health"], summary="Kafka answers, so that events can be stored.")
    async def is_ready() -> Response:
        reason = await ready()
        report = Report(ok=not reason, reasons={"kafka": reason} if reason else {}, facts=facts())
        return Orjson(report.content, status_code=report.status)

    @app.get("/metrics", tags=["health"], summary="Prometheus metrics.", response_class=Response)
    async def metrics(request: Request) -> Response:
        content, content_type = exposition(request.headers.get("accept"))
        return Response(content, headers={"Content-Type": content_type})

    written = app.openapi
    app.openapi = lambda: docs.with_security(written())  # type: ignore[method-assign]
    return app


def _note_defect(method: str, path: str, request_id: str) -> None:
    _log.error("%s %s failed", method, path, extra={"request_id": request_id})


def _shown(request: Request) -> Callable[[str], bool]:
    """Whether whoever asks may know of a model: of all, but for a scope of one model."""
    caller = caller_of(request.scope)
    return lambda model: caller is None or caller.may(Scope.INGEST, model)


def _told_to(request: Request) -> Callable[[bytes | None], None]:
    """What keeps the trace of a request with it, for the access log."""

    def keep(context: bytes | None) -> None:
        request.state.traceparent = context

    return keep


def _attempt(target: Target, request: Request, kind: str, body: bytes) -> Attempt | None:
    """The attempt that a request with an Idempotency-Key is. Rejected with 400 for a key that is none."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    caller = request.scope.get("state", {}).get("caller", "")
    try:
        if len(keys) > 1:
            raise MalformedKey("Idempotency-Key stands twice")
        return attempt_of(keys[0], caller, target.role, target.model, kind, body)
    except MalformedKey as error:
        raise Rejected(400, Problem(error="malformed_key", message=str(error))) from error


def _again(attempt: Attempt, kept: Kept, retry_after_s: int) -> Response:
    """The answer to a request that came before."""
    if kept.body != attempt.body:
        message = "this Idempotency-Key came with another body before: take a new key for a new request"
        return _answer(422, Problem(error="key_reused", message=message), retry_after_s)
    if kept.status is None:
        problem = Problem(error="under_way", message="the first request with this Idempotency-Key is under way")
        response = _answer(409, problem, retry_after_s)
        response.headers["Retry-After"] = str(retry_after_s)
        return response
    headers = {"Idempotent-Replayed": "true"}
    return Response(kept.answer, kept.status, headers, media_type="application/json")


def _refuse_encoded(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        message = "compressed bodies are not read: send the JSON as it is"
        raise Rejected(415, Problem(error="unsupported_encoding", message=message))


def _content_type(request: Request) -> str:
    """The body's type. Rejected with 415 where it is none that is read here."""
    try:
        return known_type(request.scope["headers"], {JSON, *NDJSON_TYPES}, told=(JSON, "application/x-ndjson"))
    except Refusal as refusal:
        raise Rejected(refusal.status, Problem(error=refusal.error, message=refusal.message)) from refusal


def _wants_ids(request: Request) -> bool:
    word = request.query_params.get("make_ids", "false").lower()
    if word not in ("true", "false"):
        raise Rejected(400, Problem(error="bad_parameter", message="make_ids is true or false"))
    return word == "true"


async def _read(request: Request, limit: int) -> bytes:
    """The body; Rejected with 413 as soon as it is known to be larger than `limit` bytes."""
    try:
        return await read_bounded(request.stream(), request.headers.get("content-length", ""), limit)
    except BodyTooLarge as error:
        message = f"a body has at most {limit} bytes: send less at once"
        raise Rejected(413, Problem(error="too_large", message=message)) from error


def _answer(status: int, answer: Accepted | Problem, retry_after_s: int) -> Response:
    headers = {"Retry-After": str(retry_after_s)} if status == 503 else {}
    if status == 413:
        headers["Connection"] = "close"  # the rest of the body is not read
    return Orjson(answer.content(), status_code=status, headers=headers)
