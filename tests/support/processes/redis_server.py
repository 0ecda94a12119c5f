"""A Redis for tests: a fake that speaks the protocol (units), or Debian's redis-server itself (tests/broker)."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from fakeredis import TcpFakeServer

from tests.support.polling import until
from tests.support.processes.programs import program


@contextmanager
def fake_redis() -> Iterator[str]:
    """The URL of fakeredis behind a real socket: the client and its protocol are the real ones, the server is not."""
    server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


@contextmanager
def real_redis(folder: Path) -> Iterator[str]:
    """The socket of a redis-server that keeps nothing. A test that uses it is marked `needs("redis-server")`."""
    socket = folder / "redis.sock"
    command = [program("redis-server"), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    log = folder / "redis.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            until(lambda: _answers(socket), 20, f"redis-server answers (its log: {log})")
            yield str(socket)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _answers(socket: Path) -> bool:
    if not socket.exists():
        return False
    with redis.Redis(unix_socket_path=str(socket)) as client:
        return bool(client.ping())
