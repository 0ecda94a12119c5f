"""uvicorn as every HTTP interface of ours runs it."""

from __future__ import annotations

from typing import Any, Literal

import uvicorn

__all__ = ["server_config"]


def server_config(app: Any, *, http: Any, drain_s: int, lifespan: Literal["on", "off"]) -> uvicorn.Config:
    """`http`: the protocol's class; `drain_s`: how long requests under way have at the end, in s."""
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        lifespan=lifespan,
        proxy_headers=False,  # the gate alone looks at a client's address, and at which proxies are believed
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=drain_s,
    )
