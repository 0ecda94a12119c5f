"""The small HTTP server of services that have no web framework: metrics and health."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

from prometheus_client import REGISTRY, CollectorRegistry

from tidemill.service.health import Health
from tidemill.web.listening import address_of, listen
from tidemill.web.metrics import exposition
from tidemill.web.tls.server import ServerTls, open_tls
from tidemill.web.visitors import Visitors, is_loopback

if TYPE_CHECKING:
    from tidemill.settings import CommonSettings

__all__ = ["DEADLINE_S", "MOST_CONNECTIONS", "Door", "HealthServer"]

MOST_CONNECTIONS: Final = 32
"""Each has a thread. A scraper and a few probes need four; at the limit the oldest makes room, so that none is ever
shut out by others.
"""
DEADLINE_S: Final = 10.0
"""From the connection to the last byte of its answer, however steadily it trickles; one request is answered on each."""
_WAITING: Final = 128
"""Connections that the system holds until they are accepted."""
_ENDING_S: Final = 0.5
"""How long a thread whose connection was ended is waited for at a time; one within a check that hangs does not end."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a server listens and whom it answers. `port` 0 takes a free one. On an address that only this machine
    reaches it answers to this machine's names and to `allowed_hosts`, elsewhere to any, or to `allowed_hosts` and
    private names where some are given: a web page that turns a name of its own here is refused. With `tls` it speaks
    TLS alone.
    """

    host: str = "127.0.0.1"
    port: int = 0
    allowed_hosts: Sequence[str] = ()
    tls: ServerTls | None = None

    def visitors(self) -> Visitors:
        """Which names are answered."""
        is_own = is_loopback(self.host)
        own = (self.host,) if is_own or self.allowed_hosts else ()
        return Visitors("loopback" if is_own else "any", (*self.allowed_hosts, *own))


class HealthServer:
    """Serves `/metrics` (Prometheus or OpenMetrics), `/health/live` and `/health/ready` (JSON, 200 or 503).

    `self.port` is the port taken, `self.address` the whole URL. A context manager; works in daemon threads, of which
    there are never more than `MOST_CONNECTIONS`. Looks after the door's certificate itself. Raises ConfigError where
    it cannot listen.
    """

    def __init__(
        self,
        health: Health,
        door: Door | None = None,
        *,
        registry: CollectorRegistry = REGISTRY,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        door = door or Door()
        listener = listen(door.host, door.port, _WAITING)
        self._tls = tls = door.tls
        self._server = _BoundedServer(listener, _handler(health, registry, door), deadline_s, tls)
        self.port: int = listener.getsockname()[1]
        self.address = address_of(door.host, listener, tls=tls is not None)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)

    @classmethod
    def of(cls, health: Health, settings: CommonSettings) -> Self:
        """The server that a service's settings describe. Raises ConfigError where their certificate is none."""
        hosts, tls = settings.allowed_hosts, open_tls(settings)
        return cls(health, Door(host=settings.host, port=settings.port, allowed_hosts=hosts, tls=tls))

    def start(self) -> HealthServer:
        """Begin to answer; returns itself."""
        if self._tls is not None:
            self._tls.start()
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.stop()
            self._thread.join(timeout=2)
        self._server.server_close()
        if self._tls is not None:
            self._tls.close()

    def __enter__(self) -> HealthServer:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _BoundedServer(ThreadingHTTPServer):
    """Holds at most `MOST_CONNECTIONS`, each for at most `deadline_s`."""

    daemon_threads = True

    def __init__(
        self,
        listener: socket.socket,
        handler: type[BaseHTTPRequestHandler],
        deadline_s: float,
        tls: ServerTls | None,
    ) -> None:
        self._deadline_s, self._tls = deadline_s, tls
        self._lock = threading.Lock()
        self._open: dict[Any, float] = {}
        self._free = threading.Semaphore(MOST_CONNECTIONS)
        self._stopping = threading.Event()
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()  # its own, which knows IPv4 alone
        self.socket = listener

    def stop(self) -> None:
        """Accept no more; waits for no answer that is under way."""
        self._stopping.set()
        self.shutdown()

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection; the handshake of TLS is its own thread's."""
        connection, client = super().get_request()
        if self._tls is None:
            return connection, client
        return self._tls.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), client

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's thread; a handshake that fails is a connection that broke off."""
        if isinstance(request, ssl.SSLSocket):
            request.do_handshake()
        super().finish_request(request, client_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, once there is room for it; at the end of the server there is none."""
        while not self._free.acquire(blocking=False):
            if self._stopping.is_set():
                self.shutdown_request(request)
                return
            self._end(1)
            if self._free.acquire(timeout=_ENDING_S):  # its thread is on its way out
                break
        with self._lock:
            self._open[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()  # there was no thread for it
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answers, and gives the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection before its socket is closed: another may have its number then."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Between two looks at the door: ends what takes too long."""
        late = time.monotonic() - self._deadline_s
        with self._lock:
            count = sum(since < late for since in self._open.values())
        self._end(count)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or was ended, is worth no line on stderr."""
        _log.debug("a connection to health and metrics broke off", exc_info=True)

    def _end(self, oldest: int) -> None:
        with self._lock:
            for request in list(self._open)[:oldest]:
                with suppress(OSError):  # it may have gone by itself
                    # The connection's, not that of TLS, which would have its thread go on in the clear.
                    socket.socket.shutdown(request, socket.SHUT_RDWR)
                del self._open[request]
                self._open[request] = time.monotonic()  # the youngest: its thread ends now


def _handler(health: Health, registry: CollectorRegistry, door: Door) -> type[BaseHTTPRequestHandler]:
    visitors, tls, one_at_a_time = door.visitors(), door.tls, threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        default_request_version = "HTTP/1.0"  # of a request that names none, or is none: its answer has a head as well

        def version_string(self) -> str:
            """Not which Python this is: anybody who reaches the port would know."""
            return "tidemill"

        def do_GET(self) -> None:
            headers = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()
            ]
            with one_at_a_time:
                refusal = visitors.refusal("GET", headers)
            if refusal is not None:
                self._answer(refusal.status, "text/plain; charset=utf-8", f"{refusal}\n".encode())
                return
            path = self.path.partition("?")[0]
            if path == "/metrics":
                content, content_type = exposition(self.headers.get("Accept"), registry)
                self._answer(200, content_type, content)
            elif path in ("/health/live", "/health/ready"):
                report = health.live() if path.endswith("live") else health.ready()
                self._answer(report.status, "application/json", json.dumps(report.content).encode())
            else:
                self._answer(404, "text/plain; charset=utf-8", b"try /metrics, /health/live or /health/ready\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def end_headers(self) -> None:
            """Of errors, too."""
            if tls is not None:
                self.send_header("Strict-Transport-Security", tls.hsts)
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Probes and scrapes are not worth a log line."""

    return Handler
