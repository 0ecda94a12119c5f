"""The small HTTP server of services that have no web framework: metrics and health."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry

from tidemill.service.health import Health
from tidemill.web.listening import address_of, listen
from tidemill.web.metrics import exposition
from tidemill.web.visitors import Visitors, is_loopback

__all__ = ["DEADLINE_S", "MOST_CONNECTIONS", "HealthServer"]

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


class HealthServer:
    """Serves `/metrics` (Prometheus or OpenMetrics), `/health/live` and `/health/ready` (JSON, 200 or 503).

    `port` 0 takes a free one; `self.port` is the one taken, `self.address` the whole URL. A context manager; works in
    daemon threads, of which there are never more than `MOST_CONNECTIONS`. On an address that only this
    machine reaches it answers to this machine's names and to `allowed_hosts`, elsewhere to any, or to `allowed_hosts`
    and private names where some are given: a web page that turns a name of its own here is refused. Raises ConfigError
    where it cannot listen.
    """

    def __init__(
        self,
        health: Health,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        registry: CollectorRegistry = REGISTRY,
        allowed_hosts: Sequence[str] = (),
        deadline_s: float = DEADLINE_S,
    ) -> None:
        own = (host,) if is_loopback(host) or allowed_hosts else ()
        visitors = Visitors("loopback" if is_loopback(host) else "any", (*allowed_hosts, *own))
        listener = listen(host, port, _WAITING)
        self._server = _BoundedServer(listener, _handler(health, registry, visitors), deadline_s)
        self.port: int = listener.getsockname()[1]
        self.address = address_of(host, listener)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)

    def start(self) -> HealthServer:
        """Begin to answer; returns itself."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.stop()
            self._thread.join(timeout=2)
        self._server.server_close()

    def __enter__(self) -> HealthServer:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _BoundedServer(ThreadingHTTPServer):
    """Holds at most `MOST_CONNECTIONS`, each for at most `deadline_s`."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, handler: type[BaseHTTPRequestHandler], deadline_s: float) -> None:
        self._deadline_s = deadline_s
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
                    request.shutdown(socket.SHUT_RDWR)
                del self._open[request]
                self._open[request] = time.monotonic()  # the youngest: its thread ends now


def _handler(health: Health, registry: CollectorRegistry, visitors: Visitors) -> type[BaseHTTPRequestHandler]:
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
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

        def log_message(self, format: str, *args: object) -> None:
            """Probes and scrapes are not worth a log line."""

    return Handler
