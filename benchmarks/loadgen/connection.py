"""One kept-alive connection with at most one request on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, cast

from benchmarks.loadgen.answers import Answer, AnswerReader, Malformed

BUFFER_BYTES = 65_536


class Owner(Protocol):
    """Whom a connection tells what comes."""

    @property
    def answered(self) -> Callable[[Connection, Answer], None]: ...
    @property
    def failed(self) -> Callable[[Connection, str], None]: ...
    @property
    def gone(self) -> Callable[[Connection], None]: ...


class Connection(asyncio.BufferedProtocol):
    """`due`, `sent` (`time.monotonic()`) and `number` are those of the request on it, or of the last one."""

    def __init__(self, owner: Owner, reader: AnswerReader) -> None:
        self._owner = owner
        self._reader = reader
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._come = b""
        self._transport: asyncio.Transport | None = None
        self.busy = False
        self.due = self.sent = 0.0
        self.number = 0

    def send(self, request: bytes, due: float, number: int) -> None:
        """Send a request on an idle connection."""
        assert self._transport is not None
        self.busy, self.due, self.number = True, due, number
        self.sent = time.monotonic()
        self._transport.write(request)

    def close(self) -> None:
        """Close at once; nothing is told but `gone`."""
        self.busy = False
        if self._transport is not None:
            self._transport.abort()

    def fail(self, kind: str) -> None:
        """Give the request up: it is told as failed, and the connection is closed."""
        busy, self.busy = self.busy, False
        if busy:
            self._owner.failed(self, kind)
        self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        come = self._come + self._buffer[:nbytes] if self._come else bytes(self._buffer[:nbytes])
        try:
            answer = self._reader.read(come) if self.busy else None
        except Malformed:
            self.fail("malformed")
            return
        if answer is None:
            self._come = come
            return
        self._come, self.busy = b"", False
        self._owner.answered(self, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.fail("dropped")
        self._owner.gone(self)
