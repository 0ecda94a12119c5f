"""Request ids and HTTP metrics for every request, as one ASGI layer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from tidemill.access.middleware import App, Messages, Receive, Send
from tidemill.ids import uuid7
from tidemill.web.metrics import UNMATCHED, requested

REQUEST_ID = b"x-request-id"

_FORM = re.compile(rb"^[\x21-\x7e]{1,128}$")


class Instrument:
    """Keeps the caller's X-Request-ID if it is printable ASCII of at most 128 characters, else gives one; counts and
    times the request under its route's path template, so that the number of label values stays bounded.
    """

    def __init__(self, app: App, on_defect: Callable[[str, str, str], None] = lambda *_: None) -> None:
        """`on_defect` is told method, path and id of a request that raised."""
        self._app = app
        self._on_defect = on_defect

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
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            self._on_defect(scope["method"], scope["path"], request_id.decode())
            raise
        finally:
            _count(scope, status, time.perf_counter() - started)


def request_id_of(given: bytes | None) -> bytes:
    """The id of a request that came with `given` in X-Request-ID."""
    return given if given is not None and _FORM.match(given) else uuid7().encode()


def _count(scope: Any, status: int, seconds: float) -> None:
    path = getattr(scope.get("route"), "path", UNMATCHED)
    method = scope["method"] if path != UNMATCHED else UNMATCHED
    requested(method, path, status, seconds)
