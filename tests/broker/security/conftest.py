"""One secured broker for all tests of this folder."""

from __future__ import annotations

import json
import threading
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from urllib.parse import parse_qs

import pytest

from tests.broker.security.secured import Secured, secured_broker
from tests.support.certificates import make_certificates


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    broker, addresses = secured_broker(tmp_path_factory.mktemp("secured"), certificates)
    with broker:
        yield addresses


@pytest.fixture
def prefix() -> str:
    """Names of its own for each test; the broker goes with the session."""
    return f"t{uuid.uuid4().hex[:6]}-"


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEMILL_KAFKA_BOOTSTRAP", raising=False)


class TokenServer(ThreadingHTTPServer):
    """The token endpoint of an OpenID provider; tokens are unsigned, as the broker's own validator for tests
    takes them.
    """

    asked: list[dict[str, list[str]]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/token"


class _Handler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked.append({**form, "authorization": [self.headers.get("Authorization", "")]})
        now = time()
        claims = {"sub": "robot", "iat": now - 1, "exp": now + 300, "scope": "kafka"}
        token = ".".join(_part(part) for part in ({"alg": "none"}, claims)) + "."
        body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 300}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


def _part(value: dict[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    server = TokenServer(("127.0.0.1", 0), _Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
