"""A schema registry that answers Confluent's REST API from a dictionary."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Schemas:
    """Schemas by id; those registered by clients get ids of their own."""

    def __init__(self) -> None:
        self.by_id: dict[int, dict[str, Any]] = {}
        self.by_version: dict[tuple[str, int], dict[str, Any]] = {}
        self.lock = threading.Lock()

    def get(self, path: str) -> dict[str, Any] | None:
        parts = path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["schemas", "ids"]:
            return self.by_id.get(int(parts[2]))
        return self.by_version.get((parts[1], int(parts[3]))) if parts[0] == "subjects" else None

    def register(self, entry: dict[str, Any]) -> int:
        with self.lock:
            for number, known in self.by_id.items():
                if known == entry:
                    return number
            number = 1_000 + len(self.by_id)
            self.by_id[number] = entry
            return number


@contextmanager
def registry_stub() -> Iterator[tuple[str, Schemas]]:
    """Its address and its schemas, while it runs."""
    schemas = Schemas()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = schemas.get(self.path)
            self._answer(200 if found else 404, found or {"error_code": 40403, "message": "no such schema"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(200, {"id": schemas.register(body)})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", schemas
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
