"""Request ids, HTTP metrics, and a span for what failed or was refused, for every request, as one ASGI layer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from opentelemetry.trace import get_tracer

from tidemill.access.middleware import App, Messages, Receive, Send
from tidemill.ids import uuid7
from tidemill.telemetry.kept import KeptSpans, answered
from tidemill.telemetry.recorded import recording, trace_id_of
from tidemill.web.metrics import SPANS_LEFT_OUT, UNMATCHED, requested

REQUEST_ID = b"x-request-id"

_OURS = re.compile(r"/health/|^/metrics$")
"""Paths of those who watch: a service that is not ready says so there, and nothing has failed."""
_FORM = re.compile(rb"^[\x21-\x7e]{1,128}$")


class Instrument:
    """Keeps the caller's X-Request-ID if it is printable ASCII of at most 128 characters, else gives one; counts and
    times the request under its route's path template, so that the number of label values stays bounded. A request of a
    caller that was answered with 400 or above has a span, made afterwards where none was recorded.
    """

    def __init__(self, app: App, on_defect: Callable[[str, str, str], None] = lambda *_: None) -> None:
        """`on_defect` is told method, path and id of a request that raised."""
        self._app = app
        self._on_defect = on_defect
        self._kept = KeptSpans(get_tracer("tidemill"), SPANS_LEFT_OUT.inc)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(next((value for name, value in scope["headers"] if name == REQUEST_ID), None))
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        status = 500

        async def send_with_id(message: Messages) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, request_id)]
            await send(message)

        started = time.perf_counter()
        with recording() as recorded:
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                self._on_defect(scope["method"], scope["path"], request_id.decode())
                raise
            finally:
                seconds = time.perf_counter() - started
                if status >= 400 and recorded.trace_id is None:
                    recorded.trace_id = self._keep(scope, status, seconds)
                scope["state"]["trace_id"] = recorded.trace_id
                _count(scope, status, seconds, recorded.trace_id)

    def _keep(self, scope: Any, status: int, seconds: float) -> str | None:
        method, path = _named(scope)
        if _OURS.search(path):
            return None
        given = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
        about = {"http.request.method": method, "http.route": path, "tidemill.request_id": scope["state"]["request_id"]}
        span = self._kept.begin(f"{method} {path}", given, seconds, about)
        if span is None:
            return None
        answered(span, status)
        trace_id = trace_id_of(span)
        span.end()
        return trace_id


def request_id_of(given: bytes | None) -> bytes:
    """The id of a request that came with `given` in X-Request-ID."""
    return given if given is not None and _FORM.match(given) else uuid7().encode()


def _count(scope: Any, status: int, seconds: float, trace_id: str | None) -> None:
    requested(*_named(scope), status, seconds, trace_id)


def _named(scope: Any) -> tuple[str, str]:
    path = getattr(scope.get("route"), "path", UNMATCHED)
    return scope["method"] if path != UNMATCHED else UNMATCHED, path
