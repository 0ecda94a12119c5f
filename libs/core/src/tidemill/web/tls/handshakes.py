"""TLS handshakes before uvicorn's HTTP protocol: within a deadline, and among the connections that the doors count.

uvicorn's own TLS would hold connections whose handshake is under way where nobody counts them, for a minute each, with
the certificate that it began with, and cut off an answer that a slow client reads after half a minute.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from tidemill.web.doors import Doors, closed
from tidemill.web.protocol import TimedProtocol
from tidemill.web.tls.server import ServerTls

__all__ = ["TlsListener"]

LONGEST_CLOSE_S: Final = 3_600.0
"""From the end of the last answer to the end of TLS; `TimedProtocol` ends those earlier that take nothing more."""
_REST_S: Final = 1.0
"""Where the system gives no connection, for want of room mostly, the next is asked for so much later."""

_log = logging.getLogger(__name__)


class TlsListener:
    """Accepts connections of one listening socket; each is `new_protocol`'s once its handshake is done."""

    def __init__(
        self, listener: socket.socket, tls: ServerTls, new_protocol: Callable[[], TimedProtocol], connections: set[Any]
    ) -> None:
        self._listener, self._tls, self._new_protocol, self._connections = listener, tls, new_protocol, connections
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to accept, in the running event loop."""
        self._listener.setblocking(False)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def close(self) -> None:
        """Accept no more."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except ConnectionAbortedError:  # it has gone already
                continue
            except OSError as error:
                _log.error("connections wait: %s", error.strerror)
                await asyncio.sleep(_REST_S)
                continue
            _Handshake(connection, self._tls, self._new_protocol, self._connections).start()


class _Handshake:
    """A connection, as the doors see it, until its handshake is done."""

    def __init__(
        self,
        connection: socket.socket,
        tls: ServerTls,
        new_protocol: Callable[[], TimedProtocol],
        connections: set[Any],
    ) -> None:
        self._connection, self._tls, self._connections = connection, tls, connections
        self._protocol = new_protocol()
        self._protocol.on_made = self._leave
        self._is_ended = False

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._task = loop.create_task(self._shake_hands(loop, self._protocol.doors))
        self._task.add_done_callback(self._ended)
        self._connections.add(self)
        self._protocol.doors.enter(self, self._connections)

    def idle_since(self) -> tuple[bool, float] | None:
        """It has asked nothing yet, and makes room for others before those that have."""
        return None if self._is_ended else (False, self._since)

    def look(self, now: float) -> None:
        """The handshake has a deadline of its own."""

    def end(self, reason: str) -> None:
        """Close it at once."""
        closed(reason)
        self.shutdown()

    def shutdown(self) -> None:
        """The server stops: nothing was asked yet."""
        self._is_ended = True
        self._task.cancel()

    def _leave(self) -> None:
        self._connections.discard(self)

    async def _shake_hands(self, loop: asyncio.AbstractEventLoop, doors: Doors) -> None:
        try:
            await loop.connect_accepted_socket(
                lambda: self._protocol, self._connection, ssl=self._tls.context,
                ssl_handshake_timeout=doors.limits.head_s, ssl_shutdown_timeout=LONGEST_CLOSE_S,
            )  # fmt: skip
        except OSError:  # of TLS too: no client of ours, or none that believes this certificate
            closed("handshake")

    def _ended(self, task: asyncio.Task[None]) -> None:
        """However it ended: a task that is cancelled before its first step runs no line of its own."""
        self._leave()
        if task.cancelled():
            with suppress(OSError):
                self._connection.close()
