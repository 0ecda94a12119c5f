"""Real receivers of notices on this machine: a web server, one that keeps issues as GitHub does, a mail server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Received:
    """One request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def datum(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Answering = Callable[[Received], Reply]


@dataclass
class WebReceiver:
    """Keeps what it was sent. `answering`: what it says to each request; another one may be put there at any time."""

    answering: Answering
    url: str = ""
    received: list[Received] = field(default_factory=list)

    @property
    def messages(self) -> list[Any]:
        """Every body that was taken, as JSON."""
        return [one.datum for one in list(self.received) if one.body]


@contextmanager
def web_receiver(answering: Answering = lambda request: Reply(), port: int = 0) -> Iterator[WebReceiver]:
    """A web server on a port of its own, until the block ends."""
    kept = WebReceiver(answering)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            found = urlsplit(self.path)
            request = Received(self.command, found.path, parse_qs(found.query), dict(self.headers.items()), body)
            reply = kept.answering(request)
            kept.received.append(request)
            content = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class IssueTracker:
    """GitHub's issues of one repository, as its REST API tells of them: pages, labels, states, comments."""

    token: str
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[str]] = field(default_factory=dict)

    def __call__(self, request: Received) -> Reply:
        """Answers one request."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return Reply(401, {"message": "Bad credentials"})
        *_, last = request.path.split("/")
        if request.method == "GET":
            return Reply(200, self._page(request.query))
        if last == "comments":
            number = int(request.path.split("/")[-2])
            self.comments[number].append(request.datum["body"])
            return Reply(201, {"id": len(self.comments[number])})
        number = len(self.issues) + 1
        labels = [{"name": name} for name in request.datum["labels"]]
        issue = {"number": number, "state": "open", **request.datum, "labels": labels}
        self.issues.append(issue)
        self.comments[number] = []
        return Reply(201, issue)

    def _page(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        size, page = int(query["per_page"][0]), int(query["page"][0])
        found = [
            issue
            for issue in reversed(self.issues)
            if issue["state"] == query["state"][0] and {"name": query["labels"][0]} in issue["labels"]
        ]
        return found[(page - 1) * size : page * size]
