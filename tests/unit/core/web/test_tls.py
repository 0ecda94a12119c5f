"""Our servers behind TLS, over real sockets: handshakes that are slow or none, what every answer says, slow readers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.support.certificates import Authority
from tests.support.metric_values import value_of
from tests.support.polling import until
from tidemill.service import Health
from tidemill.service.server import Door, HealthServer
from tidemill.web.doors import DoorLimits, Doors
from tidemill.web.metrics import CONNECTIONS_CLOSED
from tidemill.web.protocol import timed_protocol
from tidemill.web.serving import HttpServer, server_config
from tidemill.web.tls import probe
from tidemill.web.tls.asking import NOTHING, fetch
from tidemill.web.tls.files import TlsFiles
from tidemill.web.tls.server import ServerTls

QUICK = DoorLimits(connections=4, head_s=1.0, head_bytes=4_096)
HSTS = b"strict-transport-security: max-age=60\r\n"
LARGE = 8 << 20


async def app(scope: Any, receive: Any, send: Any) -> None:
    """`/large` is eight megabytes; `/defect` raises; all else is 404."""
    if scope["path"] == "/defect":
        raise RuntimeError("a defect")
    content = b"x" * LARGE if scope["path"] == "/large" else scope["scheme"].encode()
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200 if content[:1] == b"x" else 404, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls(authority: Authority) -> Iterator[ServerTls]:
    issued = authority.issue("server")
    with ServerTls(TlsFiles(issued.certificate, issued.key), 60) as running:
        yield running


@contextmanager
def served(tls: ServerTls, limits: DoorLimits = QUICK, loop: Any = "auto") -> Iterator[int]:
    with running(tls, limits, loop) as (port, _):
        yield port


@contextmanager
def running(tls: ServerTls, limits: DoorLimits, loop: Any) -> Iterator[tuple[int, HttpServer]]:
    config = server_config(app, http=timed_protocol(Doors(limits)), drain_s=15, lifespan="off", tls=tls)
    config.loop = loop
    server = HttpServer(config, tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: server.started, 30, "the server has started")
        try:
            yield listener.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive()


def connected(port: int, authority: Authority, **limits: Any) -> ssl.SSLSocket:
    trust = ssl.create_default_context(cafile=authority.ca)
    for name, value in limits.items():
        setattr(trust, name, value)
    return trust.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname="localhost")


def asked(port: int, authority: Authority, data: bytes) -> bytes:
    """All that comes until the service closes."""
    found = b""
    with connected(port, authority) as connection, suppress(ConnectionError):
        connection.sendall(data)
        while more := connection.recv(65_536):
            found += more
    return found.lower()


def handshakes() -> float:
    return value_of(CONNECTIONS_CLOSED.labels("handshake"))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"404 not found"),
        (b"GET /defect HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"500 internal"),
        (b"no request\r\n\r\n", b"400 bad request"),
        (b"GET /x HTTP/1.1\r\n", b"408 request timeout"),
    ],
    ids=["none", "defect", "bad", "slow"],
)
def test_every_answer_says_that_browsers_are_to_ask_by_https_alone(
    tls: ServerTls, authority: Authority, data: bytes, status: bytes
) -> None:
    with served(tls) as port:
        answer = asked(port, authority, data)
    assert answer.startswith(b"http/1.1 " + status)
    assert answer.count(HSTS) == 1
    assert status[:3] != b"404" or answer.endswith(b"\r\n\r\nhttps")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02", b"GET / HTTP/1.1\r\n\r\n"], ids=["none", "half", "plain"])
def test_a_handshake_that_is_slow_or_none_is_cut_off_and_counted(
    tls: ServerTls, authority: Authority, sent: bytes
) -> None:
    before = handshakes()
    with served(tls) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
        slow.sendall(sent)
        with suppress(ConnectionError):
            while slow.recv(1_024):
                pass
        until(lambda: handshakes() == before + 1, 10, "it is counted")
        assert asked(port, authority, b"GET / HTTP/1.0\r\n\r\n").startswith(b"http/1.1 404")


def test_handshakes_that_hang_are_counted_among_connections_and_make_room(tls: ServerTls, authority: Authority) -> None:
    with served(tls, DoorLimits(connections=4, head_s=60)) as port:
        hanging = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(80)]
        try:
            for _ in range(3):
                assert asked(port, authority, b"GET / HTTP/1.0\r\n\r\n").startswith(b"http/1.1 404")
            assert [silent.recv(1) for silent in hanging[:70]] == [b""] * 70
        finally:
            for silent in hanging:
                silent.close()


def test_a_connection_that_cannot_be_looked_at_is_closed_and_the_others_are_looked_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Looked:
        def __init__(self, breaks: bool) -> None:
            self.breaks, self.looks, self.ended = breaks, 0, ""

        def look(self, now: float) -> None:
            self.looks += 1
            if self.breaks:
                raise AttributeError("a defect")

        def idle_since(self) -> None:
            return None

        def end(self, reason: str) -> None:
            self.ended = reason
            connections.remove(self)

    broken, well = Looked(True), Looked(False)
    connections = [broken, well]

    async def enter() -> None:
        assert Doors(QUICK).enter(well, connections)
        deadline = time.monotonic() + 20
        while well.looks < 2 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    asyncio.run(enter())
    assert (broken.looks, broken.ended, well.looks) == (1, "defect", 2)
    assert "a connection cannot be looked at, and is closed" in caplog.text


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_of_a_flood_of_connections_nothing_is_kept(tls: ServerTls, authority: Authority, loop: str) -> None:
    with running(tls, DoorLimits(connections=2, head_s=60), loop) as (port, server):
        flood = [socket.socket() for _ in range(400)]
        for one in flood:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        until(lambda: len(server.server_state.connections) == 2, 20, "the last two are left")
        for one in flood:
            one.close()
        until(lambda: not server.server_state.connections, 20, "none is left")
        assert asked(port, authority, b"GET / HTTP/1.0\r\n\r\n").startswith(b"http/1.1 404")


def test_tls_before_1_2_and_ciphers_without_forward_secrecy_are_refused(tls: ServerTls, authority: Authority) -> None:
    with served(tls) as port:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with connected(port, authority, minimum_version=version, maximum_version=version) as agreed:
                name, spoken, _ = agreed.cipher() or ("", "", 0)
            assert "GCM" in name or "CHACHA20" in name
            assert spoken == version.name.replace("_", ".")
        old = ssl.create_default_context(cafile=authority.ca)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("AES128-GCM-SHA256:ECDHE+AES128+SHA256:@SECLEVEL=0")
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as raw,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(raw, server_hostname="localhost")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_slow_reader_has_its_whole_answer_though_the_connection_ends_with_it(
    tls: ServerTls, authority: Authority, loop: str
) -> None:
    pause = threading.Event()
    with served(tls, loop=loop) as port, connected(port, authority) as slow:
        slow.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        found = 0
        while more := slow.recv(1 << 20):
            found += len(more)
            if found < 400_000:
                pause.wait(0.1)  # two seconds and more, in which all is written and the end of TLS has begun
    assert found > LARGE


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_client_that_never_ends_tls_keeps_neither_its_place_nor_a_stop(
    tls: ServerTls, authority: Authority, loop: str
) -> None:
    with served(tls, loop=loop) as port:
        idle = connected(port, authority)
        idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert idle.recv(65_536).startswith(b"HTTP/1.1 404")
        began = time.monotonic()
    assert time.monotonic() - began < 8
    idle.close()


def test_who_asks_on_this_machine_believes_the_very_certificate_of_the_file_and_no_other(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served, other = authority.issue("served"), authority.issue("other")
    own = ServerTls(TlsFiles(served.certificate, served.key), 60)
    with HealthServer(Health(), Door(tls=own), registry=CollectorRegistry()) as server:
        url = f"{server.address}/health/live"
        assert fetch(url, served.certificate) == (200, b'{"status": "ok", "reasons": {}}')
        assert fetch(url, served.certificate, most=9) == (200, b'{"status"')
        with_words = served.certificate.with_name("words.pem")
        with_words.write_bytes("friendlyName: Müller\n".encode() + served.certificate.read_bytes())
        assert fetch(url, with_words) == (200, b'{"status": "ok", "reasons": {}}'), "as the server itself takes it"
        assert fetch(url, other.certificate) == fetch(url) == NOTHING
        assert fetch(url, other.key) == fetch(url, other.key.with_name("none")) == NOTHING
        monkeypatch.setenv("TIDEMILL_PORT", str(server.port))
        monkeypatch.setenv("TIDEMILL_TLS_CERTIFICATE", str(served.certificate))
        assert probe.main() == 0
        monkeypatch.setenv("TIDEMILL_TLS_CERTIFICATE", str(other.certificate))
        assert probe.main() == 1
    assert f"{url}: no answer" in capsys.readouterr().err


def test_health_and_metrics_speak_tls_too(tls: ServerTls, authority: Authority) -> None:
    issued = authority.issue("worker")
    own = ServerTls(TlsFiles(issued.certificate, issued.key), 60)
    with HealthServer(Health(), Door(tls=own), registry=CollectorRegistry(), deadline_s=1.0) as server:
        assert server.address == f"https://127.0.0.1:{server.port}"
        for path, status in (("/health/live", b"200"), ("/metrics", b"200"), ("/x", b"404")):
            answer = asked(server.port, authority, b"GET %b HTTP/1.0\r\nHost: localhost\r\n\r\n" % path.encode())
            assert answer.startswith(b"http/1.0 " + status)
            assert answer.count(HSTS) == 1
        for refused in (b"POST / HTTP/1.0\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET /x\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
            assert HSTS in asked(server.port, authority, refused)
        for sent in (b"", b"\x16\x03\x01\x02", b"GET / HTTP/1.0\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as slow, suppress(ConnectionError):
                slow.sendall(sent)
                assert b"HTTP/" not in b"".join(iter(lambda: slow.recv(1_024), b""))
        with connected(server.port, authority) as slow, suppress(ConnectionError):
            slow.sendall(b"GET /health/live HTTP/1.0\r\n")
            assert slow.recv(1_024) == b""
