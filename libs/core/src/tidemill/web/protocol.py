"""uvicorn's HTTP protocol with deadlines and a bounded number of connections (`doors.py`).

uvicorn bounds the time between two requests alone. This leans on the inside of `HttpToolsProtocol`: the lock pins
uvicorn, and `tests/unit/core/web/test_protocol.py` holds what is used.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tidemill.web.doors import HEALTH, Doors, closed

__all__ = ["TimedProtocol", "timed_protocol"]

_IDLE, _HEAD, _BODY, _ANSWER = range(4)
CLOSING_S = 1.0
"""How long a client may take to say that it has heard the end of TLS, once everything is sent."""
FRAMING = 16
"""Bytes around a byte of a body in chunks: one in each, with its length and line ends, has five."""


class TimedProtocol(HttpToolsProtocol):
    """One connection. `doors` is set by `timed_protocol`."""

    doors: Doors
    reserved = False
    """Whether health alone is answered on it."""
    on_made: Callable[[], None] | None = None
    """Under TLS: called when the handshake is done, before the doors see this."""
    _phase = _IDLE
    _since = 0.0
    _asked = False
    _bytes = 0
    _received = 0
    _unread = 0
    _unread_since = 0.0
    _closing_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.on_made is not None:
            self.on_made()
        self._since = self.loop.time()
        self.reserved = not self.doors.enter(self, cast(Any, self.connections))

    def data_received(self, data: bytes) -> None:
        before = self._phase
        super().data_received(data)
        if self._phase == before and before in (_HEAD, _BODY):
            self._received += len(data)
            most = self.doors.limits.head_bytes + FRAMING * self._bytes
            if self._received > most and not self.transport.is_closing():
                self._refuse(431, "head_too_large", "the head of a request is too large", "large")

    def on_message_begin(self) -> None:
        self._phase, self._since = _HEAD, self.loop.time()
        self._received = self._bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._phase, self._since, self._asked = _BODY, self.loop.time(), True
        self._received = 0
        if self.reserved:
            self.app = self.config.loaded_app if self.url.partition(b"?")[0] in HEALTH else _come_again
        self.start_request()

    def on_body(self, body: bytes) -> None:
        self._bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = _ANSWER
        self.end_request()
        if self.cycle is not None and self.cycle.response_complete and not self.pipeline:
            self._rest()

    def start_request(self) -> None:
        """The head is whole."""
        super().on_headers_complete()

    def end_request(self) -> None:
        """The body is whole."""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self.pipeline and self._phase == _ANSWER:
            self._rest()
        super().on_response_complete()

    def idle_since(self) -> tuple[bool, float] | None:
        """Whether it has ever asked anything, and since when it has been idle; None while it is not."""
        waits = self._phase in (_IDLE, _HEAD) and not self._is_answering() and not self.transport.is_closing()
        return (self._asked, self._since) if waits else None

    def look(self, now: float) -> None:
        """Close it where it is too late."""
        if self._is_unread(now):
            self.end("unread")
        elif self._ends_tls():
            self._look_at_end(now)
        elif self.transport.is_closing() or (self._phase != _BODY and self._is_answering()):
            return
        elif self._phase == _IDLE and now - self._since > self.doors.limits.head_s:
            self.end("silent")
        elif self._phase == _HEAD and now - self._since > self.doors.limits.head_s:
            self._refuse(408, "head_too_slow", "the head of the request did not come in time", "head")
        elif self._phase == _BODY:
            self._look_at_body(now)

    def end(self, reason: str) -> None:
        """Close it at once."""
        closed(reason)
        self.transport.abort()

    def _ends_tls(self) -> bool:
        return self.on_made is not None and self.transport.is_closing()

    def _look_at_end(self, now: float) -> None:
        """TLS is not over before the client has said so, which it need not."""
        if self._closing_since is None or self._unsent():
            self._closing_since = now
        elif now - self._closing_since > CLOSING_S:
            self.transport.abort()

    def _look_at_body(self, now: float) -> None:
        limits = self.doors.limits
        if self.flow.read_paused:  # it is we who do not read
            self._since, self._bytes = now, 0
        elif now - self._since > limits.body_s + self._bytes / limits.body_bytes_a_s:
            self._refuse(408, "body_too_slow", "the body of the request did not come in time", "body")

    def _rest(self) -> None:
        self._phase, self._since = _IDLE, self.loop.time()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_unread(self, now: float) -> bool:
        """Whether what was written has lain for too long, and not a byte of it was taken."""
        unread = self._unsent()
        if not unread or not self._unread or unread < self._unread:
            self._unread, self._unread_since = unread, now
        return bool(unread) and now - self._unread_since > self.doors.limits.unread_s

    def _unsent(self) -> int:
        """Bytes that were written and wait; at the end of TLS those too that the client's system has not taken, for
        what lies between TLS and the connection is seen by nobody.
        """
        if not self._ends_tls():
            return self.transport.get_write_buffer_size()
        try:
            waiting = self.transport.get_write_buffer_size()
            connection = self.transport.get_extra_info("socket")
        except AttributeError:  # asyncio's TLS that was closed twice has let go of both
            return 0
        with suppress(OSError):  # it has gone
            if connection is not None:
                waiting += int.from_bytes(ioctl(connection.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder)
        return waiting

    def _refuse(self, status: int, error: str, message: str, reason: str) -> None:
        """Say why, where no answer has begun, and close."""
        closed(reason)
        if not self._is_answering() or not getattr(self.cycle, "response_started", False):
            body = json.dumps({"error": error, "message": message}).encode()
            ours = b"".join(b"%b: %b\r\n" % header for header in self.config.encoded_headers)
            self.transport.write(
                b"%b%bcontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (STATUS_LINE[status], ours, len(body), body)
            )
        self.transport.close()


async def _come_again(scope: Any, receive: Any, send: Any) -> None:
    """What is answered where all places are taken."""
    closed("full")
    body = b'{"error": "too_many_connections", "message": "too many connections: come again"}'
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"2"), (b"connection", b"close")]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def timed_protocol(doors: Doors) -> type[TimedProtocol]:
    """The protocol class of a server with these doors; uvicorn's `http` takes it."""

    class Protocol(TimedProtocol):
        pass

    Protocol.doors = doors
    return Protocol
