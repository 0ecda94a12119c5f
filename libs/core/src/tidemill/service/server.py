"""The small HTTP server of services that have no web framework: metrics and health."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from tidemill.errors import ConfigError
from tidemill.service.health import Health

__all__ = ["HealthServer"]


class HealthServer:
    """Serves ``/metrics`` (Prometheus or OpenMetrics), ``/health/live`` and ``/health/ready`` (JSON, 200 or
    503).

    ``port`` 0 takes a free one; ``self.port`` is the one taken. A context manager; works in daemon threads.
    Raises ConfigError if the port is taken.
    """

    def __init__(
        self,
        health: Health,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(health, registry))
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror}): set TIDEMILL_PORT=0") from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)

    def start(self) -> HealthServer:
        """Begin to answer; returns itself."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=2)
        self._server.server_close()

    def __enter__(self) -> HealthServer:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _handler(health: Health, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a client that sends nothing does not keep a thread

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, content_type, encode(registry))
            elif path in ("/health/live", "/health/ready"):
                report = health.live() if path.endswith("live") else health.ready()
                body = {"status": "ok" if report.ok else "failed", "reasons": report.reasons}
                self._answer(200 if report.ok else 503, "application/json", json.dumps(body).encode())
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
