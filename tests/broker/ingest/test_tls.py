"""A certificate that is replaced while requests come: none fails, and who connects afterwards sees the new one."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.broker.ingest.conftest import Serve, Server
from tests.broker.ingest.test_ingest import EVENTS, event
from tests.support.certificates import Authority
from tests.support.polling import until

NAMES = ("tls.crt", "tls.key")


class Secret:
    """A mounted Secret of Kubernetes: names that lead by `..data` to a folder, which is swapped as a whole."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._number = folder, 0
        self.certificate, self.key = (folder / name for name in NAMES)
        for name in NAMES:
            (folder / name).symlink_to(f"..data/{name}")

    def hold(self, certificate: Path, key: Path) -> None:
        self._number += 1
        new = self._folder / f"..{self._number}"
        new.mkdir()
        for name, path in zip(NAMES, (certificate, key), strict=True):
            shutil.copy(path, new / name)
        (self._folder / "..next").symlink_to(new.name)
        (self._folder / "..next").replace(self._folder / "..data")
        shutil.rmtree(self._folder / f"..{self._number - 1}", ignore_errors=True)


class Load:
    """Events over connections that stay, and over a new one for each."""

    def __init__(self, server: Server) -> None:
        self._server, self._stop = server, threading.Event()
        self.accepted: list[str] = []
        self.failed: list[object] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._work, args=(n, n % 2 == 0)) for n in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)

    def _work(self, worker: int, stays: bool) -> None:
        client = httpx.Client(verify=self._server.verify, timeout=20)
        number = 0
        while not self._stop.wait(0.005):
            number += 1
            name = f"e{worker}-{number}"
            try:
                if not stays:
                    client = httpx.Client(verify=self._server.verify, timeout=20)
                answer = client.post(self._server.url + EVENTS, json=event(name))
                if not stays:
                    client.close()
            except httpx.HTTPError as error:
                self.failed.append(error)
                continue
            if answer.status_code == 202:
                self.accepted.append(name)
            else:
                self.failed.append(answer)
        client.close()


def serial(server: Server, ca: Path) -> int:
    """Of the certificate that a new connection is shown."""
    place = httpx.URL(server.url)
    trust = ssl.create_default_context(cafile=ca)
    with (
        socket.create_connection((place.host, place.port or 0), timeout=20) as raw,
        trust.wrap_socket(raw, server_hostname="localhost") as secured,
    ):
        return int(str((secured.getpeercert() or {})["serialNumber"]), 16)


def loads(server: Server, outcome: str) -> float:
    text = httpx.get(f"{server.url}/metrics", verify=server.verify, timeout=20).text
    name = f'tidemill_certificate_loads_total{{outcome="{outcome}"}} '
    return float(next(line for line in text.splitlines() if line.startswith(name)).removeprefix(name))


def test_a_certificate_replaced_under_load_fails_no_request(kafka: str, serve: Serve, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    first, second = authority.issue("first"), authority.issue("second")
    secret = Secret(tmp_path / "secret")
    secret.hold(first.certificate, first.key)
    server = started(kafka, serve, authority, secret)
    load = Load(server)
    with load.running():
        until(lambda: len(load.accepted) >= 40, 60, "requests come")
        assert serial(server, authority.ca) == first.serial
        secret.hold(second.certificate, first.key)
        until(lambda: loads(server, "refused") == 1, 20, "half a renewal is refused")
        assert serial(server, authority.ca) == first.serial
        secret.hold(second.certificate, second.key)
        until(lambda: serial(server, authority.ca) == second.serial, 20, "the new certificate is shown")
        so_far = len(load.accepted)
        until(lambda: len(load.accepted) >= so_far + 40, 60, "requests go on")
    assert load.failed == []
    assert sorted(datum["event_id"] for _, _, datum, _ in server.read("raw")) == sorted(load.accepted)
    answer = server.post(EVENTS, {"no": "event"})
    assert (answer.status_code, answer.headers["strict-transport-security"]) == (422, "max-age=31536000")
    assert server.stop() == 0


def started(kafka: str, serve: Serve, authority: Authority, secret: Secret) -> Server:
    server = serve(kafka, ca=authority.ca, tls_certificate=str(secret.certificate), tls_key=str(secret.key))
    until(server.ready, 60, "ingest is ready")
    return server
