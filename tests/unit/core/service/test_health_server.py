"""Health and metrics over real sockets: slow clients, very many of them, and names that are not this machine's."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from tests.support.polling import until
from tidemill.service import Health
from tidemill.service.server import MOST_CONNECTIONS, Door, HealthServer

DEADLINE_S = 2.0
PATIENCE_S = 20.0


@pytest.fixture
def server() -> Iterator[HealthServer]:
    with HealthServer(Health(), registry=CollectorRegistry(), deadline_s=DEADLINE_S) as running:
        yield running


def connected(server: HealthServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)


def asked(server: HealthServer, host: str = "localhost", path: str = "/health/live") -> bytes:
    with connected(server) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        return b"".join(iter(lambda: client.recv(65_536), b""))


def answering() -> int:
    return sum(thread.name.startswith("Thread-") and thread.is_alive() for thread in threading.enumerate())


def test_hundreds_of_silent_connections_shut_nobody_out_and_take_no_more_threads(server: HealthServer) -> None:
    before = answering()
    with ExitStack() as silent:
        for _ in range(10 * MOST_CONNECTIONS):
            silent.enter_context(connected(server))
        began = time.monotonic()
        assert asked(server).startswith(b"HTTP/1.0 200")
        assert time.monotonic() - began < DEADLINE_S
        assert answering() - before <= MOST_CONNECTIONS
        until(lambda: answering() <= before, PATIENCE_S, "silent connections are ended by their deadline")
        assert asked(server).startswith(b"HTTP/1.0 200")


@pytest.mark.parametrize("sent", [b"GARBAGE\r\n\r\n", b"GET /health/live\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"])
def test_every_answer_has_a_head_and_none_says_which_python_gives_it(server: HealthServer, sent: bytes) -> None:
    with connected(server) as client:
        client.sendall(sent)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.0 ") and b"\r\nServer: tidemill\r\n" in answer and b"Python" not in answer


def test_a_head_that_trickles_in_is_cut_off_though_it_never_pauses(server: HealthServer) -> None:
    began = time.monotonic()
    with connected(server) as client:
        client.sendall(b"GET /health/live HTTP/1.0\r\nX: ")
        client.settimeout(0.1)

        def cut_off() -> bool:
            try:
                client.sendall(b"x")
                return client.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        until(cut_off, PATIENCE_S, "the connection is ended")
    assert time.monotonic() - began >= DEADLINE_S


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    before = answering()
    health = Health()
    health.add_ready("long", lambda: "x" * 20_000_000)
    with HealthServer(health, registry=CollectorRegistry(), deadline_s=DEADLINE_S) as server, connected(server) as idle:
        idle.sendall(b"GET /health/ready HTTP/1.0\r\n\r\n")
        assert idle.recv(12) == b"HTTP/1.0 503"
        until(lambda: answering() <= before, PATIENCE_S, "its thread has ended")


def test_a_stop_waits_for_no_check_that_hangs_however_many_are_asked() -> None:
    health, hangs, asked_for = Health(), threading.Event(), list[None]()
    health.add_ready("hangs", lambda: (asked_for.append(None), hangs.wait(PATIENCE_S), "hung")[2])
    server = HealthServer(health, registry=CollectorRegistry(), deadline_s=DEADLINE_S).start()
    try:
        with ExitStack() as clients:
            for _ in range(MOST_CONNECTIONS + 2):
                client = clients.enter_context(connected(server))
                client.sendall(b"GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n")
            until(lambda: len(asked_for) == MOST_CONNECTIONS, PATIENCE_S, "every place is taken by a check that hangs")
            began = time.monotonic()
            stopping = threading.Thread(target=server.close, daemon=True)
            stopping.start()
            stopping.join(PATIENCE_S / 2)
            assert not stopping.is_alive()
            assert time.monotonic() - began < DEADLINE_S + 2
    finally:
        hangs.set()
    with pytest.raises(ConnectionRefusedError):
        connected(server)


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:9000", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("page.example.com", 403), ("10.0.0.1", 403)],
)
def test_on_loopback_only_names_of_this_machine_are_answered(server: HealthServer, host: str, status: int) -> None:
    for path in ("/metrics", "/health/live"):
        answer = asked(server, host, path)
        assert answer.startswith(f"HTTP/1.0 {status}".encode()), answer
    assert status == 200 or b"TIDEMILL_ALLOWED_HOSTS" in answer


def test_names_that_are_listed_are_answered_too() -> None:
    with HealthServer(Health(), Door(allowed_hosts=("*.example.com",)), registry=CollectorRegistry()) as server:
        assert asked(server, "metrics.example.com").startswith(b"HTTP/1.0 200")
        assert asked(server, "example.org").startswith(b"HTTP/1.0 403")
