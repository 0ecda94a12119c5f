"""The registry's client against a server of this test that speaks the REST API (a real registry is tried
elsewhere)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tidemill.codec.registry.client import Entry, open_registry
from tidemill.codec.registry.http import HttpRegistry
from tidemill.errors import ConfigError, RetryLater
from tidemill.settings import CommonSettings

NOT_FOUND = (404, {"error_code": 40403, "message": "Schema 4 not found"})
CUT = b"\0cut"


class Server(ThreadingHTTPServer):
    answers: dict[str, tuple[int, object]]
    seen: list[tuple[str, str, str | None]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.server.seen.append((self.command, path, self.headers.get("Authorization")))
        status, body = self.server.answers.get(path, NOT_FOUND)
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload) + (50 if body is CUT else 0)))
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


def client(server: Server, credentials: str = "", **properties: str) -> HttpRegistry:
    return HttpRegistry(f"http://{credentials}127.0.0.1:{server.server_address[1]}/", properties, timeout_s=2)


def test_a_schema_is_asked_for_once_and_comes_with_its_kind_and_references(server: Server) -> None:
    references = [{"name": "a.proto", "subject": "a", "version": 2}]
    server.answers["/schemas/ids/4"] = (200, {"schema": "{}"})
    server.answers["/schemas/ids/5"] = (200, {"schema": "x", "schemaType": "PROTOBUF", "references": references})
    registry = client(server)
    assert [registry.entry(4), registry.entry(4)] == [Entry("AVRO", "{}")] * 2
    assert len(server.seen) == 1
    assert registry.entry(5) == Entry("PROTOBUF", "x", (("a.proto", "a", 2),))


def test_an_id_that_the_registry_does_not_know_is_none_and_is_asked_for_again(server: Server) -> None:
    registry = client(server)
    assert registry.entry(4) is None
    server.answers["/schemas/ids/4"] = (200, {"schema": "{}"})
    assert registry.entry(4) == Entry("AVRO", "{}")


def test_a_version_of_a_subject_is_found_or_none(server: Server) -> None:
    server.answers["/subjects/a/versions/2"] = (200, {"subject": "a", "version": 2, "id": 7, "schema": "{}"})
    assert client(server).version("a", 2) == Entry("AVRO", "{}")
    server.answers["/subjects/a/versions/3"] = (404, {"error_code": 40402, "message": "no version"})
    assert client(server).version("a", 3) is None


def test_a_schema_is_registered_under_its_subject_with_credentials(server: Server) -> None:
    server.answers["/subjects/a%2Fb-value/versions"] = (200, {"id": 9})
    registry = client(server, "user:p%40ss@")
    assert [registry.register("a/b-value", "{}"), registry.register("a/b-value", "{}")] == [9, 9]
    assert server.seen == [("POST", "/subjects/a%2Fb-value/versions", "Basic dXNlcjpwQHNz")]


@pytest.mark.parametrize("status", [409, 422])
def test_an_incompatible_schema_is_refused_in_the_registrys_words_and_ends_nothing(server: Server, status: int) -> None:
    server.answers["/subjects/s/versions"] = (status, {"error_code": status, "message": "incompatible"})
    registry = client(server)
    with pytest.raises(RetryLater, match="refuses the schema of subject s: incompatible"):
        registry.register("s", "{}")
    server.answers["/subjects/s/versions"] = (200, {"id": 9})
    assert registry.register("s", "{}") == 9


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"message": "boom"}), (503, b"<html>"), (429, {}), (200, b"<html>sign in</html>"), (200, b"[1]"),
        (200, b'"text"'), (200, b"{}"), (200, {"schema": None}), (200, {"schema": 5}), (200, b'{"schema": "{'),
        (200, CUT), (204, b""), (404, b"<html>no such page</html>"), (404, {}), (302, b""), (401, {}), (403, b"no"),
    ],
)  # fmt: skip
def test_what_may_pass_is_asked_again_later_and_nothing_is_kept_of_it(
    server: Server, answer: tuple[int, object]
) -> None:
    server.answers["/schemas/ids/4"] = answer
    registry = client(server)
    with pytest.raises(RetryLater):
        registry.entry(4)
    server.answers["/schemas/ids/4"] = (200, {"schema": "{}"})
    assert registry.entry(4) == Entry("AVRO", "{}")


def test_refused_credentials_are_told_with_where_to_mend_them_and_without_the_password(server: Server) -> None:
    server.answers["/schemas/ids/4"] = (401, {"error_code": 401, "message": "no"})
    with pytest.raises(RetryLater, match="TIDEMILL_SCHEMA_REGISTRY_URL") as refused:
        client(server, "user:secret@").entry(4)
    assert "secret" not in str(refused.value)


def test_a_token_is_fetched_and_sent(server: Server, tmp_path: Path) -> None:
    server.answers["/token"] = (200, {"access_token": "t0ken", "token_type": "bearer", "expires_in": 60})
    server.answers["/schemas/ids/4"] = (200, {"schema": "{}"})
    address = f"http://127.0.0.1:{server.server_address[1]}"
    path = tmp_path / "registry.properties"
    path.write_text(
        "bearer.auth.credentials.source=OAUTHBEARER\nbearer.auth.client.id=me\nbearer.auth.client.secret=s\n"
        f"bearer.auth.scope=all\nbearer.auth.issuer.endpoint.url={address}/token\nbearer.auth.logical.cluster=lsrc-1\n"
    )
    settings = CommonSettings(schema_registry_url=address, schema_registry_properties=path)  # type: ignore[call-arg]
    registry = open_registry(settings)
    assert registry is not None
    assert registry.entry(4) == Entry("AVRO", "{}")
    assert server.seen[-1] == ("GET", "/schemas/ids/4", "Bearer t0ken")


def test_settings_that_cannot_be_used_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used"):
        HttpRegistry("http://127.0.0.1:9", {"ssl.certificate.location": str(tmp_path / "none.pem")})
    with pytest.raises(ConfigError, match="Unrecognized properties: bsic"):
        HttpRegistry("http://127.0.0.1:9", {"bsic.auth.user.info": "a:b"})


def test_a_registry_that_does_not_answer_is_asked_again_later() -> None:
    with pytest.raises(RetryLater, match="cannot be reached, or gives no answer for id 1"):
        HttpRegistry("http://127.0.0.1:9", timeout_s=1).entry(1)
