"""An artifact store over HTTP that does not behave: a folder whose files break off, trickle or hang."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, Self

Fault = Literal["none", "breaks off", "trickles", "hangs"]


class OddStore:
    """Serves `folder` on loopback. `faults[path]` says how the file at this path of a URL comes; the others come whole.

    A context manager; at its end the requests that hang are let go. No ranges: a file comes in one answer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faults: dict[str, Fault] = {}
        self.asked: list[str] = []
        self._ended = threading.Event()
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                store.answer(self, body=False)

            def do_GET(self) -> None:
                store.answer(self, body=True)

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def uri(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        """Answer a request for a file, with its body or without."""
        path = self._folder / request.path.lstrip("/")
        if not path.is_file():
            request.send_error(404)
            return
        data = path.read_bytes()
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.send_header("Accept-Ranges", "none")
        request.end_headers()
        if body:
            self.asked.append(request.path)
            with suppress(BrokenPipeError, ConnectionResetError):  # the reader has gone
                self._send(request, data, self.faults.get(request.path, "none"))

    def _send(self, request: BaseHTTPRequestHandler, data: bytes, fault: Fault) -> None:
        if fault == "none":
            request.wfile.write(data)
            return
        request.wfile.write(data[: len(data) // 2])
        if fault == "breaks off":
            request.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "hangs":
            self._ended.wait()
        for byte in data[len(data) // 2 :]:
            if fault != "trickles" or self._ended.wait(0.3):
                return
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
