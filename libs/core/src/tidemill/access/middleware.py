"""The gate as an ASGI layer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from tidemill.access.authorizer import Client, Gate, Refusal
from tidemill.access.credentials.callers import Caller, Scope
from tidemill.access.metrics import REFUSED
from tidemill.web.visitors import Visitors

Messages = MutableMapping[str, Any]
Send = Callable[[Messages], Awaitable[None]]
Receive = Callable[[], Awaitable[Messages]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

ScopeOf = Callable[[str], Scope | None]
"""The scope that a path needs; None for a path that is open to all."""
ModelOf = Callable[[str], str | None]
"""The model that a path names; None where it names none."""
Render = Callable[[str, Refusal], dict[str, Any]]
"""The body of a refusal, by path."""


def plain(path: str, refusal: Refusal) -> dict[str, Any]:
    """`{"error": ..., "message": ...}`."""
    return {"error": refusal.error, "message": refusal.message}


class Visited:
    """Lets only requests through that come to a name of this service and from a page that may ask."""

    def __init__(self, app: App, visitors: Visitors, render: Render = plain) -> None:
        self._app = app
        self._visitors = visitors
        self._render = render

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = self._visitors.refusal(scope["method"], scope["headers"])
            if refusal is not None:
                scope.setdefault("state", {})["refused"] = refusal.error
                await _refuse(send, refusal, self._render(scope["path"], refusal))
                return
        await self._app(scope, receive, send)


class Guarded:
    """Lets only admitted requests through; `caller_of` tells who it is then. In `scope["state"]` the name is `caller`,
    also of who was refused, where that was proven; `refused` says why.
    """

    def __init__(
        self, app: App, gate: Gate, scope_of: ScopeOf, render: Render = plain, model_of: ModelOf = lambda path: None
    ) -> None:
        self._app = app
        self._gate = gate
        self._scope_of = scope_of
        self._render = render
        self._model_of = model_of

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        needed = self._scope_of(scope["path"]) if scope["type"] == "http" else None
        if needed is not None:
            state, headers = scope.setdefault("state", {}), scope["headers"]
            client, model = client_of(scope.get("client"), headers), self._model_of(scope["path"])
            try:
                caller = await self._gate.admit(credential_of(headers), needed, client, model)
            except Refusal as refusal:
                state["refused"], state["caller"] = refusal.error, refusal.caller
                await _refuse(send, refusal, self._render(scope["path"], refusal))
                return
            state["caller"], state["admitted"] = caller.name, caller
        await self._app(scope, receive, send)


def caller_of(scope: Any) -> Caller | None:
    """Who was let in; None where nobody is asked who it is."""
    found = scope.get("state", {}).get("admitted")
    return found if isinstance(found, Caller) else None


def credential_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key or token of a request: `Authorization: Bearer ...` (RFC 6750), else `X-API-Key: ...`."""
    other = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip().decode("latin-1")
        if name == b"x-api-key":
            other = value.strip().decode("latin-1")
    return other


def client_of(peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]) -> Client:
    """Where a request comes from; `peer` is the other end of its connection."""
    hops = [value for name, value in headers if name == b"x-forwarded-for"]
    return peer[0] if peer else "", b",".join(hops)


def refused(refusal: Refusal, body: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """A refusal as it is answered, and counted: headers (names in lower case) and content."""
    REFUSED.labels(refusal.error).inc()
    data = json.dumps(body).encode()
    own = {name.lower(): value for name, value in refusal.headers.items()}
    return {"content-type": "application/json", "content-length": str(len(data)), **own}, data


async def _refuse(send: Send, refusal: Refusal, body: dict[str, Any]) -> None:
    headers, data = refused(refusal, body)
    encoded = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": encoded})
    await send({"type": "http.response.body", "body": data})
