"""The registry's client against a server of this test that speaks the REST API (a real registry is tried
elsewhere)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tidemill.codec import HttpRegistry
from tidemill.errors import ConfigError, RetryLater


class Server(ThreadingHTTPServer):
    answers: dict[str, tuple[int, object]]
    seen: list[tuple[str, str, str | None]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization")))
        status, body = self.server.answers.get(self.path, (404, {"error_code": 40403, "message": "not found"}))
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.answers, server.seen = {}, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def client(server: Server, credentials: str = "") -> HttpRegistry:
    return HttpRegistry(f"http://{credentials}127.0.0.1:{server.server_address[1]}/", timeout_s=2)


def test_a_schema_is_asked_for_once(server: Server) -> None:
    server.answers["/schemas/ids/4"] = (200, {"schema": "{}"})
    registry = client(server)
    assert [registry.schema(4), registry.schema(4)] == ["{}", "{}"]
    assert len(server.seen) == 1


def test_an_id_that_the_registry_does_not_know_is_none(server: Server) -> None:
    assert client(server).schema(4) is None


def test_a_schema_is_registered_under_its_subject_with_credentials(server: Server) -> None:
    server.answers["/subjects/a%2Fb-value/versions"] = (200, {"id": 9})
    registry = client(server, "user:p%40ss@")
    assert [registry.register("a/b-value", "{}"), registry.register("a/b-value", "{}")] == [9, 9]
    assert server.seen == [("POST", "/subjects/a%2Fb-value/versions", "Basic dXNlcjpwQHNz")]


def test_an_incompatible_schema_is_refused_with_the_registrys_words(server: Server) -> None:
    server.answers["/subjects/s/versions"] = (409, {"message": "incompatible"})
    with pytest.raises(ConfigError, match="incompatible"):
        client(server).register("s", "{}")


@pytest.mark.parametrize("answer", [(500, {"message": "boom"}), (503, b"<html>"), (429, {})])
def test_a_registry_in_trouble_is_asked_again_later(server: Server, answer: tuple[int, object]) -> None:
    server.answers["/schemas/ids/4"] = answer
    with pytest.raises(RetryLater):
        client(server).schema(4)


def test_wrong_credentials_are_a_matter_of_configuration(server: Server) -> None:
    server.answers["/schemas/ids/4"] = (401, {})
    with pytest.raises(ConfigError, match="credentials"):
        client(server).schema(4)


def test_a_registry_that_does_not_answer_is_asked_again_later() -> None:
    with pytest.raises(RetryLater, match="cannot be reached"):
        HttpRegistry("http://127.0.0.1:9", timeout_s=1).schema(1)
