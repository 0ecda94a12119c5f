"""Whom a client believes over TLS: everybody's authorities, and those of a file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tidemill.client import AsyncClient, Client, ClientError, NotReachable
from tidemill.web.tls.files import TlsFiles
from tidemill.web.tls.pair import load_pair

MODELS = b'{"models": []}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def address(authority: Authority) -> Iterator[str]:
    """Something that says by TLS that it serves no model."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(MODELS)))
            self.end_headers()
            self.wfile.write(MODELS)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    issued = authority.issue("serve")
    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = load_pair(TlsFiles(issued.certificate, issued.key)).context
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_authority_of_a_file_is_believed_and_no_other(authority: Authority, address: str, tmp_path: Path) -> None:
    with Client(serve=address, ca_file=authority.ca, retry_s=0) as client:
        assert client.models() == []

    async def asked() -> list[object]:
        async with AsyncClient(serve=address, ca_file=str(authority.ca), retry_s=0) as client:
            return [*await client.models()]

    assert asyncio.run(asked()) == []
    for over in ({}, {"ca_file": Authority(tmp_path / "another").ca}):
        with Client(serve=address, retry_s=0, **over) as client, pytest.raises(NotReachable, match="certificate"):
            client.models()


def test_a_file_without_certificates_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"ca_file='.*none.pem': No such file.*: name a PEM file of certificates"):
        Client(ca_file=tmp_path / "none.pem")
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(ClientError, match=r"ca_file='.*empty.pem': .*: name a PEM file of certificates"):
        Client(ca_file=tmp_path / "empty.pem")


def test_to_look_at_no_certificate_is_warned_of_at_the_callers_line(authority: Authority, address: str) -> None:
    with pytest.warns(UserWarning, match="verify=False: whoever answers may read the key") as told:
        client = Client(serve=address, verify=False, retry_s=0)
    assert told[0].filename == __file__
    with client:
        assert client.models() == []
    with pytest.raises(ClientError, match="ca_file and verify are both given: keep one"):
        Client(ca_file=authority.ca, verify=False)
