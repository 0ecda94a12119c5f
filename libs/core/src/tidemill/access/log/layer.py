"""The access log as an ASGI layer, the outermost: what the layers inside refuse is written too."""

from __future__ import annotations

import time
from typing import Any

from tidemill.access.log.lines import AccessLog, Answer
from tidemill.access.middleware import App, Messages, Receive, ScopeOf, Send, client_of
from tidemill.access.paths import Templates

__all__ = ["Logged"]


class Logged:
    """Has every request written but those for paths that are open to all."""

    def __init__(self, app: App, log: AccessLog, scope_of: ScopeOf, templates: Templates) -> None:
        self._app = app
        self._log = log
        self._scope_of = scope_of
        self._templates = templates

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._scope_of(scope["path"]) is None:
            await self._app(scope, receive, send)
            return
        status, read, sent = 500, 0, 0  # of an answer that a defect has kept from beginning

        async def receive_counted() -> Messages:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            return message

        async def send_counted(message: Messages) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        at_s, started = time.time(), time.perf_counter()
        try:
            await self._app(scope, receive_counted, send_counted)
        finally:
            self._put(scope, at_s, time.perf_counter() - started, status, read, sent)

    def _put(self, scope: Any, at_s: float, seconds: float, status: int, read: int, sent: int) -> None:
        path, headers, state = scope["path"], scope["headers"], scope.get("state", {})
        self._log.put(
            Answer(
                at_s=at_s,
                seconds=seconds,
                request_id=state.get("request_id", ""),
                method=scope["method"],
                path=self._templates.template_of(path),
                model=self._templates.model_of(path),
                status=status,
                bytes_in=read,
                bytes_out=sent,
                caller=state.get("caller"),
                refused=state.get("refused"),
                client=client_of(scope.get("client"), headers),
                traceparent=state.get("traceparent") or dict(headers).get(b"traceparent"),
                trace_id=state.get("trace_id"),
            )
        )
