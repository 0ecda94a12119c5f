"""The short cut in front of the application answers as the application does, byte for byte but for ids and traces."""

from __future__ import annotations

import gzip
import json
import re
import socket
import ssl
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.support.certificates import Authority
from tests.support.metric_values import value_of
from tests.unit.inference.fakes import MODEL
from tests.unit.inference.rest_app import Deployed, deployed, served, shipped_endpoints
from tidemill.access.credentials.ring import KeyRing
from tidemill.web.metrics import REQUESTS
from tidemill.web.tls.files import TlsFiles
from tidemill.web.tls.server import ServerTls
from tidemill_inference.rest.protocols.v1 import PREDICT as TEMPLATE

PREDICT = f"/v1/models/{MODEL}/predict"
GOOD = {
    "scheduled_at": 1_700_000_000_000,
    "tail_number": "N1",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "distance": 500,
}
CHANGES = (
    rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]|date: [^\r]*"
)


@dataclass(frozen=True)
class Ways:
    """The same service with the short cut and without it."""

    service: Deployed
    lean: str
    whole: str


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    service = deployed(shipped_endpoints([MODEL]), tmp_path_factory.mktemp("keys"))
    with served(service) as lean, served(replace(service, protocol=HttpToolsProtocol)) as whole:
        yield Ways(service, lean, whole)


def request_of(body: bytes, *headers: str, path: str = PREDICT, method: str = "POST") -> bytes:
    hosts = [] if any(header.startswith("Host:") for header in headers) else ["Host: test"]
    lines = [f"{method} {path} HTTP/1.1", *hosts, f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def exchange(
    address: str, data: bytes, answers: int = 1, trust: ssl.SSLContext | None = None
) -> list[tuple[bytes, dict[bytes, bytes], bytes]]:
    """Send bytes over a connection and read so many answers: status line, headers and body."""
    host, port = address.split(":")
    found = []
    with ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
        if trust is not None:
            connection = stack.enter_context(trust.wrap_socket(connection, server_hostname=host))
        connection.sendall(data)
        file = connection.makefile("rb")
        for _ in range(answers):
            status = file.readline()
            headers = dict(line.split(b": ", 1) for line in iter(lambda: file.readline().rstrip(), b""))
            found.append((status, headers, file.read(int(headers[b"content-length"]))))
    return found


def told(address: str, data: bytes) -> Any:
    """An answer without what differs from one to the next."""
    ((status, headers, body),) = exchange(address, data)
    masked = sorted((name, re.sub(CHANGES, b"#", value)) for name, value in headers.items() if name != b"date")
    return status, masked, re.sub(CHANGES, b"#", body)


def key_of(ways: Ways) -> str:
    return f"Authorization: Bearer {ways.service.key}"


JSON = "Content-Type: application/json"
TRACE = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
ONE = json.dumps(GOOD).encode()
CASES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "one": (ONE, (JSON,)),
    "one without a type": (ONE, ()),
    "one with an id and a trace": (ONE, (JSON, "X-Request-ID: mine", TRACE)),
    "one with an id that is none": (ONE, (JSON, "X-Request-ID: a b")),
    "some": (json.dumps({"instances": [GOOD, GOOD]}).encode(), (JSON,)),
    "many": (json.dumps({"instances": [GOOD] * 40}).encode(), (JSON,)),
    "too many": (json.dumps({"instances": [{}] * 1_001}).encode(), (JSON,)),
    "a wrong field": (json.dumps({**GOOD, "distance": "far"}).encode(), (JSON,)),
    "a broken expectation": (json.dumps({**GOOD, "distance": -5}).encode(), (JSON,)),
    "an unknown field": (json.dumps({**GOOD, "colour": "red"}).encode(), (JSON,)),
    "rubbish": (b"{not json", (JSON,)),
    "nothing": (b"", (JSON,)),
    "a list": (b"[1, 2]", (JSON,)),
    "gzip": (gzip.compress(ONE), (JSON, "Content-Encoding: gzip")),
    "gzip and more": (gzip.compress(ONE) + gzip.compress(ONE), (JSON, "Content-Encoding: gzip")),
    "deflate and more": (zlib.compress(ONE) + b"x", (JSON, "Content-Encoding: deflate")),
    "no gzip": (ONE, (JSON, "Content-Encoding: gzip")),
    "no Arrow": (ONE, ("Content-Type: application/vnd.apache.arrow.stream",)),
    "a large body": (json.dumps({**GOOD, "carrier": "x" * 70_000}).encode(), (JSON,)),
}


PAGES: dict[str, tuple[int, tuple[str, ...]]] = {
    "a form": (415, ("Content-Type: application/x-www-form-urlencoded",)),
    "plain text": (415, ("Content-Type: text/plain",)),
    "plain text that says JSON": (415, ("Content-Type: text/plain; application/json",)),
    "two types": (415, (JSON, "Content-Type: text/plain")),
    "JSON with a parameter": (200, ("Content-Type: Application/JSON; charset=utf-8",)),
    "a page of another origin": (403, (JSON, "Origin: http://evil.example.org")),
    "a page of another port": (403, (JSON, "Origin: http://test:3000")),
    "a page without an origin": (403, (JSON, "Origin: null")),
    "an empty origin": (403, (JSON, "Origin:")),
    "two origins": (403, (JSON, "Origin: http://test", "Origin: http://evil.example.org")),
    "another site": (403, (JSON, "Sec-Fetch-Site: cross-site")),
    "its own page": (200, (JSON, "Origin: http://test", "Sec-Fetch-Site: same-origin")),
    "a page that is named": (200, (JSON, "Origin: https://shop.example.org")),
    "another name": (403, (JSON, "Host: evil.example.org")),
    "another name and its page": (403, (JSON, "Host: evil.example.org:80", "Origin: http://evil.example.org")),
    "two names": (403, (JSON, "Host: test", "Host: evil.example.org")),
    "an address that is a name": (403, (JSON, "Host: 127.0.0.1.evil.example.org")),
    "a name with a user": (403, (JSON, "Host: localhost@evil.example.org")),
    "an address": (200, (JSON, "Host: 127.0.0.1:8082")),
    "an address of six": (200, (JSON, "Host: [::1]:8082")),
    "this machine, loud": (200, (JSON, "Host: LOCALHOST.:8082")),
}


@pytest.mark.parametrize("case", PAGES)
def test_both_ways_know_who_asks_and_in_what(ways: Ways, case: str) -> None:
    status, headers = PAGES[case]
    data = request_of(ONE, key_of(ways), *headers)
    for _ in range(2):  # what is remembered answers as what is new
        assert told(ways.lean, data) == told(ways.whole, data)
        assert int(told(ways.lean, data)[0].split()[1]) == status


@pytest.mark.parametrize("case", ["gzip and more", "deflate and more"])
def test_what_follows_a_compressed_body_is_not_dropped(ways: Ways, case: str) -> None:
    body, headers = CASES[case]
    status, _, content = told(ways.whole, request_of(body, key_of(ways), *headers))
    assert status.startswith(b"HTTP/1.1 400")
    assert b"bytes follow" in content


@pytest.mark.parametrize("case", CASES)
def test_both_ways_answer_the_same(ways: Ways, case: str) -> None:
    body, headers = CASES[case]
    data = request_of(body, key_of(ways), *headers)
    assert told(ways.lean, data) == told(ways.whole, data)


@pytest.mark.parametrize(
    "credential", ["", "Authorization: Bearer tm_wrong", "X-API-Key: rubbish", "Authorization: Basic x"]
)
def test_both_ways_refuse_the_same(ways: Ways, credential: str) -> None:
    data = request_of(ONE, JSON, *([credential] if credential else []))
    assert told(ways.lean, data) == told(ways.whole, data)
    assert told(ways.lean, data)[0].startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PREDICT), ("POST", f"{PREDICT}?x=1"), ("POST", "/v1/models/nobody/predict"), ("GET", "/v2")],
)
def test_other_requests_are_the_applications(ways: Ways, method: str, path: str) -> None:
    data = request_of(b"" if method == "GET" else ONE, key_of(ways), JSON, method=method, path=path)
    assert told(ways.lean, data) == told(ways.whole, data)


def test_plain_requests_do_go_the_short_way_and_are_counted_as_any(ways: Ways) -> None:
    async def nobody(scope: object, receive: object, send: object) -> None:
        raise AssertionError("the application is not asked")

    counted = REQUESTS.labels("POST", TEMPLATE, "200")
    before = value_of(counted)
    data = request_of(ONE, key_of(ways), JSON)
    with served(replace(ways.service, app=nobody)) as short:
        assert exchange(short, data)[0][0] == b"HTTP/1.1 200 OK\r\n"
    assert value_of(counted) == before + 1


def test_the_short_way_goes_by_tls_too_and_says_so_to_browsers(ways: Ways, tmp_path: Path) -> None:
    async def nobody(scope: object, receive: object, send: object) -> None:
        raise AssertionError("the application is not asked")

    authority = Authority(tmp_path)
    issued = authority.issue("serve")
    tls = ServerTls(TlsFiles(issued.certificate, issued.key), 60)
    trust = ssl.create_default_context(cafile=authority.ca)
    data = request_of(ONE, key_of(ways), JSON)
    with served(replace(ways.service, app=nobody), tls) as short:
        ((status, headers, _),) = exchange(short, data, trust=trust)
    assert (status, headers[b"strict-transport-security"]) == (b"HTTP/1.1 200 OK\r\n", b"max-age=60")


def test_a_defect_is_500_on_both_ways(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(KeyRing, "caller", broken)
    data = request_of(ONE, key_of(ways), JSON)
    assert told(ways.lean, data)[0] == told(ways.whole, data)[0] == b"HTTP/1.1 500 Internal Server Error\r\n"


def test_a_request_in_pieces_is_answered(ways: Ways) -> None:
    data = request_of(ONE, key_of(ways), JSON)
    host, port = ways.lean.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), 7):
            connection.sendall(data[at : at + 7])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_chunked_body_is_answered(ways: Ways) -> None:
    lines = [f"POST {PREDICT} HTTP/1.1", "Host: test", key_of(ways), JSON, "Transfer-Encoding: chunked", "", ""]
    head = "\r\n".join(lines).encode()
    chunks = b"%x\r\n%b\r\n5\r\n%b\r\n0\r\n\r\n" % (len(ONE) - 5, ONE[:-5], ONE[-5:])
    assert told(ways.lean, head + chunks) == told(ways.whole, head + chunks)


def test_a_large_body_in_chunks_is_answered(ways: Ways) -> None:
    lines = [f"POST {PREDICT} HTTP/1.1", "Host: test", key_of(ways), JSON, "Transfer-Encoding: chunked", "", ""]
    body = ONE + b" " * 900_000  # more than the server reads at a time
    pieces = [body[at : at + 5_000] for at in range(0, len(body), 5_000)]
    data = (
        "\r\n".join(lines).encode() + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    )
    assert told(ways.lean, data) == told(ways.whole, data)
    assert told(ways.lean, data)[0] == b"HTTP/1.1 200 OK\r\n"


def test_requests_in_a_pipeline_are_answered_in_their_order(ways: Ways) -> None:
    data = b"".join(
        request_of(body, key_of(ways), JSON, f"X-Request-ID: r{number}")
        for number, body in enumerate([ONE, b"{broken", ONE, json.dumps({"instances": [GOOD] * 40}).encode(), ONE])
    )
    found = exchange(ways.lean, data, answers=5)
    assert [headers[b"x-request-id"] for _, headers, _ in found] == [b"r0", b"r1", b"r2", b"r3", b"r4"]
    assert [status.split()[1] for status, _, _ in found] == [b"200", b"400", b"200", b"200", b"200"]


def test_a_connection_that_is_to_close_closes(ways: Ways) -> None:
    data = request_of(ONE, key_of(ways), JSON, "Connection: close")
    assert told(ways.lean, data) == told(ways.whole, data)


def test_a_client_that_goes_away_does_no_harm(ways: Ways) -> None:
    host, port = ways.lean.split(":")
    for cut in (20, 150, len(request_of(ONE, key_of(ways), JSON))):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request_of(ONE, key_of(ways), JSON)[:cut])
    assert exchange(ways.lean, request_of(ONE, key_of(ways), JSON))[0][0] == b"HTTP/1.1 200 OK\r\n"


def test_a_rate_is_held_on_the_short_way(tmp_path: Path) -> None:
    service = deployed(shipped_endpoints([MODEL]), tmp_path, rate="3/hour")
    with served(service) as address:
        data = request_of(ONE, f"X-API-Key: {service.key}", JSON) * 5
        found = exchange(address, data, answers=5)
    assert [status.split()[1] for status, _, _ in found] == [b"200"] * 3 + [b"429"] * 2
    assert int(found[-1][1][b"retry-after"]) > 0
