"""A small TCP proxy that the broker advertises: it can delay, swallow, cut, and hold answers of one kind.

Kafka's frames are followed on the way (4 bytes length; a request then has API key, API version, correlation id, each
answer the correlation id), so that the answer to one kind of request can be held back.
"""

from __future__ import annotations

import asyncio
import random
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

END_TXN = 26
_CHUNK = 65_536


@dataclass
class Rules:
    """What the proxy does now; changed at any time. Times in seconds."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    blackhole: bool = False
    reset_every_s: float = 0.0
    hold_api: int | None = None
    hold_s: float = 0.0
    holds_left: int = 0


@dataclass(eq=False)
class _Connection:
    opened: float
    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    held: set[int] = field(default_factory=set)


class Proxy:
    """Listens on `port` of this machine from the start, and passes on to `upstream` (a port), set later.

    `counters`: connections, bytes_up, bytes_down, delayed, swallowed (bytes that waited in a black hole), resets,
    held (answers). `held_s`: how long each held answer waited until it was passed on or its client hung up. Runs in
    a thread of its own.
    """

    def __init__(self, seed: int = 0) -> None:
        self.rules = Rules()
        self.upstream = 0
        self.port = 0
        self.counters: Counter[str] = Counter()
        self.held_s: list[float] = []
        self._random = random.Random(seed)
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="proxy", daemon=True)
        self._thread.start()
        started.wait(10)

    def close(self) -> None:
        """Cut everything and end."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        started.set()
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._resetter = self._loop.create_task(self._reset())

    async def _close(self) -> None:
        self._resetter.cancel()
        self._server.close()
        for connection in list(self._connections):
            _cut(connection)
        await asyncio.sleep(0.1)
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)

    async def _reset(self) -> None:
        """Cut every connection that has lived for `reset_every_s`."""
        while True:
            await asyncio.sleep(0.1)
            every = self.rules.reset_every_s
            for connection in list(self._connections) if every else ():
                if time.monotonic() - connection.opened > every:
                    self.counters["resets"] += 1
                    self._connections.discard(connection)
                    _cut(connection)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.transport.abort()
            return
        self.counters["connections"] += 1
        connection = _Connection(time.monotonic(), (writer, up_writer))
        self._connections.add(connection)
        up = _Pipe(self, reader, up_writer, "up", _Requests(connection, self.rules).see)
        down = _Pipe(self, up_reader, writer, "down", _Answers(connection).see)
        tasks = [self._loop.create_task(part) for pipe in (up, down) for part in pipe.parts()]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            for task in tasks:
                task.cancel()
            _cut(connection)

    def wait_s(self) -> float:
        """How long what has just come must wait."""
        rules = self.rules
        if not rules.delay_s:
            return 0.0
        self.counters["delayed"] += 1
        return max(0.0, rules.delay_s + self._random.uniform(-rules.jitter_s, rules.jitter_s))


class _Pipe:
    """One direction of a connection: what is read waits its time in a queue, and is written in order."""

    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        way: str,
        see: Callable[[bytes], bool],
    ) -> None:
        self._proxy, self._reader, self._writer, self._way, self._see = proxy, reader, writer, way, see
        self._queue: asyncio.Queue[tuple[float, float | None, bytes]] = asyncio.Queue(256)

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        return [self._take(), self._give()]

    async def _take(self) -> None:
        with suppress(OSError):
            while data := await self._reader.read(_CHUNK):
                now, held = time.monotonic(), self._see(data)
                due = now + self._proxy.wait_s()
                if held:
                    due += self._proxy.rules.hold_s
                    self._proxy.counters["held"] += 1
                await self._queue.put((due, now if held else None, data))
        await self._queue.put((time.monotonic(), None, b""))

    async def _give(self) -> None:
        proxy = self._proxy
        with suppress(OSError):
            while True:
                due, held_since, data = await self._queue.get()
                try:
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                finally:
                    if held_since is not None:
                        proxy.held_s.append(time.monotonic() - held_since)
                if proxy.rules.blackhole:
                    proxy.counters["swallowed"] += len(data)
                    while proxy.rules.blackhole:
                        await asyncio.sleep(0.05)
                if not data:
                    return
                self._writer.write(data)
                await self._writer.drain()
                proxy.counters[f"bytes_{self._way}"] += len(data)


class _Frames:
    """Finds the first bytes of each frame in a stream of chunks."""

    def __init__(self, head: int) -> None:
        self._head = 4 + head
        self._kept = b""
        self._skip = 0

    def heads(self, data: bytes) -> list[bytes]:
        found = []
        while data:
            if self._skip:
                step = min(self._skip, len(data))
                self._skip -= step
                data = data[step:]
                continue
            need = self._head - len(self._kept)
            self._kept += data[:need]
            data = data[need:]
            if len(self._kept) == self._head:
                (length,) = struct.unpack_from(">i", self._kept)
                found.append(self._kept[4:])
                self._skip = length - (self._head - 4)
                self._kept = b""
        return found


class _Requests:
    def __init__(self, connection: _Connection, rules: Rules) -> None:
        self._connection, self._rules, self._frames = connection, rules, _Frames(8)

    def see(self, data: bytes) -> bool:
        for head in self._frames.heads(data):
            api, _version, correlation = struct.unpack(">hhi", head)
            if api == self._rules.hold_api and self._rules.holds_left > 0:
                self._rules.holds_left -= 1
                self._connection.held.add(correlation)
        return False


class _Answers:
    def __init__(self, connection: _Connection) -> None:
        self._connection, self._frames = connection, _Frames(4)

    def see(self, data: bytes) -> bool:
        hold = False
        for head in self._frames.heads(data):
            (correlation,) = struct.unpack(">i", head)
            if correlation in self._connection.held:
                self._connection.held.discard(correlation)
                hold = True
        return hold


def _cut(connection: _Connection) -> None:
    for writer in connection.writers:
        writer.transport.abort()
