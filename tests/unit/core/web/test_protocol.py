"""Connections behind a real socket, in the clear and by TLS: silent, slow and many of them."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.metric_values import value_of
from tests.support.polling import until
from tidemill.web.doors import DoorLimits, Doors
from tidemill.web.metrics import CONNECTIONS_CLOSED
from tidemill.web.protocol import timed_protocol
from tidemill.web.serving import HttpServer, server_config
from tidemill.web.tls.files import TlsFiles
from tidemill.web.tls.server import ServerTls

QUICK = DoorLimits(connections=8, head_s=1.0, body_s=1.0, body_bytes_a_s=1_000, unread_s=1.0, head_bytes=4_096)
LARGE = 8 << 20


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and says how long it was; `/large` is answered with eight megabytes."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    content = b"x" * LARGE if scope["path"] == "/large" else json.dumps({"bytes": size}).encode()
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@dataclass(frozen=True)
class Address:
    """Where a server is, and how its certificate is believed; None where it speaks in the clear."""

    place: tuple[str, int]
    trust: ssl.SSLContext | None


@pytest.fixture(scope="module", params=["plain", "tls"])
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Authority | None:
    return Authority(tmp_path_factory.mktemp("authority")) if request.param == "tls" else None


@contextmanager
def served(limits: DoorLimits, authority: Authority | None) -> Iterator[Address]:
    tls = trust = None
    if authority is not None:
        issued = authority.issue("server")
        tls = ServerTls(TlsFiles(issued.certificate, issued.key), 60)
        trust = ssl.create_default_context(cafile=authority.ca)
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener, tls or nullcontext():
        http = timed_protocol(Doors(limits))
        server = HttpServer(server_config(app, http=http, drain_s=15, lifespan="off", tls=tls), tls)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: server.started, 30, "the server has started")
        try:
            yield Address(listener.getsockname(), trust)
        finally:
            server.should_exit = True
            thread.join(timeout=30)


@pytest.fixture(scope="module")
def address(authority: Authority | None) -> Iterator[Address]:
    with served(QUICK, authority) as found:
        yield found


def opened(address: Address, data: bytes = b"") -> socket.socket:
    connection = secured(socket.create_connection(address.place, timeout=15), address)
    connection.sendall(data)
    return connection


def secured(connection: socket.socket, address: Address) -> socket.socket:
    return connection if address.trust is None else address.trust.wrap_socket(connection, server_hostname="127.0.0.1")


def answer_of(connection: socket.socket) -> bytes:
    """All that comes until the service closes."""
    found = b""
    with suppress(ConnectionError):
        while data := connection.recv(65_536):
            found += data
    return found


def one_answer(connection: socket.socket) -> bytes:
    """The next answer, with its body; the connection stays."""
    found = b""
    while not re.search(rb"\r\n\r\n\{.*\}$", found):
        more = connection.recv(65_536)
        if not more:
            break
        found += more
    return found


def asked(address: Address, path: str = "/health/live", close: bool = True) -> bytes:
    with opened(address, request(path, close=close)) as connection:
        return one_answer(connection)


def request(path: str, body: bytes = b"", close: bool = True) -> bytes:
    end = "Connection: close\r\n" if close else ""
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{end}\r\n".encode() + body


def closed(reason: str) -> float:
    return value_of(CONNECTIONS_CLOSED.labels(reason))


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n"], ids=["nothing", "empty lines"])
def test_a_connection_that_asks_nothing_is_closed(address: Address, data: bytes) -> None:
    with opened(address, data) as silent:
        assert answer_of(silent) == b""


@pytest.mark.parametrize(
    ("data", "drip"),
    [
        (b"POST /x", b"x"),
        (b"POST /x HTTP/1.1\r\nHost: a\r\n", b"X-A: b\r\n"),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (request("/x", b"abc", close=False) + b"POST /y HTTP/1.1\r\n", b"X-A: b\r\n"),
    ],
    ids=["a line", "a head", "a body", "chunks", "the second head"],
)
def test_what_trickles_in_is_cut_off_with_408(address: Address, data: bytes, drip: bytes) -> None:
    with opened(address, data) as slow:
        slow.settimeout(0.1)
        found = b""

        def is_closed() -> bool:
            nonlocal found
            try:
                slow.sendall(drip)
                more = slow.recv(65_536)
            except TimeoutError:
                return False
            except ConnectionError:
                return True
            found += more
            return not more

        until(is_closed, 10, "the slow request is cut off")
        assert b"HTTP/1.1 408 Request Timeout" in found


def test_a_slow_body_that_comes_fast_enough_is_taken(address: Address) -> None:
    pieces = 15
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (1_000 * pieces)
    with opened(address, head) as slow:
        stop = threading.Event()
        for _ in range(pieces):
            stop.wait(0.1)  # a second and a half in all, more than `body_s`
            slow.sendall(b"x" * 1_000)
        assert b'{"bytes": 15000}' in answer_of(slow)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /x HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (number, b"x" * 90) for number in range(20_000)),
        b"GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"e" * 2_000_000,
    ],
    ids=["a head", "an extension of a chunk"],
)
def test_an_endless_head_is_cut_off(address: Address, data: bytes) -> None:
    before = closed("large")
    with opened(address) as large:
        with suppress(ConnectionError):
            large.sendall(data)
        answer_of(large)
    assert closed("large") == before + 1


def test_an_answer_that_nobody_reads_is_given_up(address: Address) -> None:
    before = closed("unread")
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        raw.connect(address.place)
        deaf = secured(raw, address)
        deaf.sendall(request("/large"))
        until(lambda: closed("unread") > before, 10, "the answer is given up")


def test_hundreds_of_silent_connections_shut_nobody_out(address: Address) -> None:
    with ExitStack() as stack:
        for _ in range(520):
            stack.enter_context(opened(address))
        assert asked(address).startswith(b"HTTP/1.1 200")
        assert asked(address, "/v1/events/x").startswith(b"HTTP/1.1 200")


def test_where_all_places_are_busy_health_is_answered_and_others_come_again(authority: Authority | None) -> None:
    limits = DoorLimits(connections=4, head_s=30, body_s=30)
    with served(limits, authority) as address, ExitStack() as stack:
        for _ in range(4):
            busy = stack.enter_context(opened(address, request("/x", close=False)[:-4] + b"\r\nX: y\r\n\r\n"))
            assert one_answer(busy).startswith(b"HTTP/1.1 200")
            busy.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx")
        refused = asked(address, "/v1/events/x")
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 2" in refused
        for path in ("/health/live", "/health/ready?x=1", "/v2/health/ready"):
            assert asked(address, path).startswith(b"HTTP/1.1 200")


def test_a_connection_between_two_requests_makes_room_after_a_silent_one(authority: Authority | None) -> None:
    limits = DoorLimits(connections=2)
    with served(limits, authority) as address, opened(address, request("/x", close=False)) as known:
        assert one_answer(known).startswith(b"HTTP/1.1 200")
        with opened(address), opened(address, request("/y", close=False)) as third:
            assert one_answer(third).startswith(b"HTTP/1.1 200")
            known.sendall(request("/z"))
            assert b"200 OK" in one_answer(known)
