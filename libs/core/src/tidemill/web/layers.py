"""The layers of access around an HTTP interface: which paths are open to all, who is let in, which pages may ask."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from tidemill.access import Scope
from tidemill.access.authorizer import Gate
from tidemill.access.middleware import Guarded, ModelOf, Render, ScopeOf, Visited, plain
from tidemill.web.pages import PAGES
from tidemill.web.visitors import Visitors

__all__ = ["NO_TELEMETRY", "REDIRECT_SLASHES", "access_layers", "needing"]

NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own spans and metrics would stand beside ours: three more spans a request, health checks too."""
REDIRECT_SLASHES: Final = False
"""A path with a / too many is 404. A redirect would name the scheme and the host that a gateway asks us by: a client of
https that follows it sends its key in the clear.
"""
_OPEN: Final = frozenset({"/health/live", "/health/ready", "/metrics", "/openapi.json"}) | PAGES
_ASKED: Final = ("Authorization", "Content-Type", "X-API-Key", "X-Request-ID", "traceparent")
_TOLD: Final = ("Retry-After", "X-Request-ID")


def needing(scope: Scope, more_open: Collection[str] = ()) -> ScopeOf:
    """What a path needs: everything but health, metrics, the description and `more_open` is closed."""
    open_paths = _OPEN.union(more_open)
    return lambda path: None if path in open_paths else scope


def access_layers(
    scope_of: ScopeOf,
    *,
    gate: Gate | None,
    visitors: Visitors | None,
    cors_origins: Sequence[str] = (),
    asked: Sequence[str] = (),
    told: Sequence[str] = (),
    render: Render = plain,
    model_of: ModelOf = lambda path: None,
) -> list[Middleware]:
    """The layers, innermost first. `gate`: who is let in, None where access is off; `visitors`: by which names and from
    which pages, None for any; `asked`, `told`: headers of its own that other origins' pages may send and read; `render`
    writes refusals; `model_of`: the model that a path names, which a scope may be for alone.
    """
    layers = []
    if gate is not None:
        layers.append(Middleware(Guarded, gate=gate, scope_of=scope_of, render=render, model_of=model_of))
    if cors_origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=sorted({*_ASKED, *asked}),
                expose_headers=sorted({*_TOLD, *told}),
            )
        )
    if visitors is not None:
        layers.append(Middleware(Visited, visitors=visitors, render=render))
    return layers
