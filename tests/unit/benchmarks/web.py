"""A server for the load generator's tests: it answers each request as the test says, and counts them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.loadgen.driver import Driver
from benchmarks.loadgen.plan import Plan, Target
from benchmarks.loadgen.tally import Tally

GOOD = b"HTTP/1.1 200 OK\r\nX-Model-Version: 3\r\nX-Model-Epoch: 4\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"


@dataclass(slots=True)
class Web:
    """`answer(number)` of the request with that number, counted from 0: its bytes, or None to hang up."""

    answer: Callable[[int], Awaitable[bytes | None]]
    bodies: list[bytes] = field(default_factory=list)
    open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                found = await self.answer(len(self.bodies) - 1)
                if found is None:
                    return
                writer.write(found)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the generator has hung up
        finally:
            writer.close()
            self.open -= 1


async def always(number: int) -> bytes:
    return GOOD


def fired(
    answer: Callable[[int], Awaitable[bytes | None]], *, bodies: tuple[bytes, ...] = (b"{}",), **plan: object
) -> tuple[Tally, Web]:
    """What a plan finds at a server that answers like that."""

    async def run() -> tuple[Tally, Web]:
        web = Web(answer)
        server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
        target = Target("127.0.0.1", server.sockets[0].getsockname()[1], "/x")
        requests = tuple(target.request("POST", ("A: b",), body) for body in bodies)
        note = ("X-Model-Version", "X-Model-Epoch")
        driver = Driver(Plan(target, requests, note=note, **plan), keep=True)  # type: ignore[arg-type]
        tally = await driver.run()
        server.close()
        async with asyncio.timeout(10):
            while web.open:
                await asyncio.sleep(0)
        return tally, web

    return asyncio.run(run())
