"""uvicorn's own HTTP protocol with a short cut: a plain request goes to `LeanRoute` when its body is whole.

A request that is not plain, or not after all, is handed to uvicorn as if it had just come, and the application answers
it. Parsing, keep-alive, pipelining, time-outs and the graceful stop stay uvicorn's. This leans on the inside of
`HttpToolsProtocol`: the lock pins uvicorn, and `tests/unit/inference/rest/test_protocol.py` holds both ways to the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from tidemill.access.middleware import client_of
from tidemill.web.doors import DoorLimits, Doors
from tidemill.web.protocol import TimedProtocol
from tidemill_inference.rest.fast_path.route import LeanRoute, Named


class _NoEvent:
    """uvicorn wakes an application by it; nobody waits here."""

    def set(self) -> None:
        """Nothing to wake."""


_NO_EVENT = _NoEvent()


class _LeanCycle:
    """What uvicorn's protocol looks at of the request in hand, without an application behind it."""

    __slots__ = ("body", "disconnected", "keep_alive", "message_event", "more_body", "named", "response_complete")

    def __init__(self, named: Named) -> None:
        self.named = named
        self.body = bytearray()
        self.more_body = True
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _NO_EVENT


class LeanProtocol(TimedProtocol):
    """One connection. `route` is set by `lean_protocol`."""

    route: LeanRoute

    def start_request(self) -> None:
        named = self.route.takes(self.url, self.headers) if not self.reserved else None
        if named is not None and self._is_alone():
            self.cycle = cast(Any, _LeanCycle(named))
        else:
            super().start_request()

    def end_request(self) -> None:
        cycle: Any = self.cycle
        if not isinstance(cycle, _LeanCycle) or cycle.response_complete:
            super().end_request()
            return
        cycle.more_body = False
        body = bytes(cycle.body)
        client = client_of(self.client, cycle.named.items())
        if not self.route.begin(self.url, cycle.named, body, self._reply_to(cycle), client):
            self._hand_on(cycle, body)

    def _is_alone(self) -> bool:
        """One at a time, of HTTP/1.1, on a connection that stays; with a client that reads its answers."""
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and parser.get_http_version() == "1.1"
            and bool(parser.should_keep_alive())
            and not self.flow.write_paused
        )

    def _hand_on(self, cycle: _LeanCycle, body: bytes) -> None:
        """To uvicorn, as if the request had just come."""
        cycle.response_complete = True
        super().start_request()
        super().on_body(body)
        super().end_request()

    def _reply_to(self, cycle: _LeanCycle) -> Callable[[int, bytes, bytes], None]:
        def reply(status: int, head: bytes, content: bytes) -> None:
            cycle.response_complete = True
            if cycle.disconnected or self.transport.is_closing():
                return
            lines = [STATUS_LINE[status]]
            for name, value in self.server_state.default_headers:
                lines += (name, b": ", value, b"\r\n")
            lines.append(head)
            lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
            lines.append(content)
            self.transport.write(b"".join(lines))
            if not cycle.keep_alive:
                self.transport.close()
            self.on_response_complete()

        return reply


def lean_protocol(lean: LeanRoute, doors: Doors | None = None) -> Any:
    """The protocol class for a server whose plain requests `lean` answers; uvicorn's `http` takes it."""

    class Protocol(LeanProtocol):
        route = lean

    Protocol.doors = doors or Doors(DoorLimits())
    return Protocol
