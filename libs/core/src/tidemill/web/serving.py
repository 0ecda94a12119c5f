"""uvicorn as every HTTP interface of ours runs it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Literal, cast

import uvicorn

from tidemill.web.protocol import TimedProtocol
from tidemill.web.tls.handshakes import TlsListener
from tidemill.web.tls.server import ServerTls

__all__ = ["HttpServer", "server_config"]


def server_config(
    app: Any, *, http: type[TimedProtocol], drain_s: int, lifespan: Literal["on", "off"], tls: ServerTls | None = None
) -> uvicorn.Config:
    """`http`: the protocol's class; `drain_s`: how long requests under way have at the end, in s. With `tls` every
    answer has Strict-Transport-Security; `HttpServer` is to have the same.
    """
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        lifespan=lifespan,
        headers=[("strict-transport-security", tls.hsts)] if tls is not None else [],
        proxy_headers=False,  # the gate alone looks at a client's address, and at which proxies are believed
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=drain_s,
    )


class HttpServer(uvicorn.Server):
    """uvicorn, with TLS by `tls` where there is one; without, it is uvicorn as it is."""

    def __init__(self, config: uvicorn.Config, tls: ServerTls | None = None) -> None:
        super().__init__(config)
        self._tls = tls
        self._listeners: list[TlsListener] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        if self._tls is None:
            await super().startup(sockets)
            return
        await super().startup(sockets=[])
        connections = cast("set[Any]", self.server_state.connections)
        for listener in sockets or []:
            self._listeners.append(TlsListener(listener, self._tls, self._new_protocol, connections))
            self._listeners[-1].start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, and end what is there."""
        for listener in self._listeners:
            await listener.close()
        await super().shutdown(sockets)

    def _new_protocol(self) -> TimedProtocol:
        made = cast(Any, self.config.http_protocol_class)(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            _loop=asyncio.get_running_loop(),
        )
        return cast(TimedProtocol, made)
