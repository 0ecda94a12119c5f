"""One Sigstore on loopback: Fulcio, a certificate transparency log, Rekor and a timestamp authority, real servers all;
the issuers of tokens are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import httpx
from cryptography import x509

from tests.sigstore.issuers import SERVICE_ACCOUNT, Issuers
from tests.sigstore.keys import Keys
from tests.sigstore.tools import tools
from tests.sigstore.trust import REKOR_ORIGIN, Trusted
from tests.support.polling import until
from tests.support.processes.children import Children
from tidemill_embedded.ports import Ports

AUDIENCE = "sigstore"
START_S = 60.0
QUICK = "200ms"
"""Between a log's checkpoints: what an entry waits for."""
READY = {"ct": "/ct/v1/get-roots", "fulcio": "/api/v2/configuration", "timestamps": "/ping", "rekor": "/healthz"}
"""The servers, and what each answers once it is up."""


class Sigstore:
    """Runs from entering to leaving; its files, logs of the processes among them, are in `folder`.

    `people` and `cluster` are the addresses of the issuers that Fulcio trusts, for e-mail addresses and for Kubernetes'
    service accounts; it knows nothing of `stranger`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trust_config = folder / "trust_config.json"
        """`ClientTrustConfig` as JSON: whom to trust, and where to sign."""
        self._keys = Keys(folder / "keys")
        self._children = Children(folder / "logs")
        self._started_by: dict[str, list[str]] = {}
        self._stack = ExitStack()
        ports = Ports()
        names = ("ct", "fulcio", "rekor", "rekor-grpc", "rekor-metrics", "timestamps")
        self._ports = {name: ports.take(name) for name in names}
        self._urls = {name: f"http://127.0.0.1:{self._ports[name]}" for name in READY}
        self._issuers = Issuers("people", "cluster", "stranger")
        self.people, self.cluster, self.stranger = self._issuers.urls.values()

    def __enter__(self) -> Sigstore:
        with ExitStack() as starting:
            starting.enter_context(self._issuers)
            starting.callback(self._children.stop)
            for name, command in self._commands(tools()).items():
                self._started_by[name] = command
                self.start(name)
            self.trust_config.write_text(json.dumps(self._trusted().config(), indent=2) + "\n")
            self._stack = starting.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def token(
        self, identity: str, *, issuer: str | None = None, audience: str = AUDIENCE, lifetime_s: float = 300
    ) -> str:
        """Of a service account (`https://kubernetes.io/namespaces/NS/serviceaccounts/NAME`, by `cluster`) or of an
        e-mail address (by `people`), unless `issuer` says otherwise. `identity` is what the certificate will say.
        """
        ours = self.cluster if SERVICE_ACCOUNT.fullmatch(identity) else self.people
        return self._issuers.token(issuer or ours, identity, audience, lifetime_s)

    def start(self, name: str) -> None:
        """Starts one of `READY` again that `stop` ended, with what it has on disk, and waits until it answers."""
        self._children.start(name, self._started_by[name])
        self._await(name)

    def stop(self, name: str) -> None:
        """Ends one of `READY`: whoever needs it finds nobody there."""
        self._children.end(name)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Within it one of `READY` is down."""
        self.stop(name)
        try:
            yield
        finally:
            self.start(name)

    def _commands(self, programs: Path) -> dict[str, list[str]]:
        """In the order in which they need one another."""
        keys, ports = self._keys, self._ports
        ct = [
            str(programs / "ct-log"), f"--http_endpoint=127.0.0.1:{ports['ct']}", "--origin=127.0.0.1",
            f"--storage_dir={self.folder / 'ct'}", f"--private_key={keys.ct_key}",
            f"--roots_pem_file={keys.fulcio.root}", f"--checkpoint_interval={QUICK}", "--batch_max_age=20ms",
        ]  # fmt: skip
        fulcio = [
            str(programs / "fulcio"), f"--listen=127.0.0.1:{ports['fulcio']}", f"--issuers={self._issuers_file()}",
            f"--chain={keys.fulcio.chain}", f"--key={keys.fulcio.key}", f"--ct-log={self._urls['ct']}",
            f"--ct-key={keys.ct_public}",
        ]  # fmt: skip
        timestamps = [
            str(programs / "timestamp-authority"), f"--tcp={ports['timestamps']}", f"--chain={keys.timestamps.chain}",
            f"--key={keys.timestamps.key}",
        ]  # fmt: skip
        rekor = [
            str(programs / "rekor"), "serve", f"--http-port={ports['rekor']}", f"--grpc-port={ports['rekor-grpc']}",
            f"--http-metrics-port={ports['rekor-metrics']}", f"--hostname={REKOR_ORIGIN}",
            f"--storage-dir={self.folder / 'rekor'}", f"--signer-filepath={keys.rekor_key}",
            f"--checkpoint-interval={QUICK}", "--batch-max-age=20ms",
        ]  # fmt: skip
        return {"ct": ct, "fulcio": fulcio, "timestamps": timestamps, "rekor": rekor}

    def _issuers_file(self) -> Path:
        kinds = {self.people: "email", self.cluster: "kubernetes"}
        path = self.folder / "issuers.json"
        trusted = {url: {"IssuerURL": url, "ClientID": AUDIENCE, "Type": kind} for url, kind in kinds.items()}
        path.write_text(json.dumps({"OIDCIssuers": trusted}))
        return path

    def _await(self, name: str) -> None:
        def answers() -> bool:
            self._children.check()
            try:
                return httpx.get(self._urls[name] + READY[name], timeout=5).is_success
            except httpx.TransportError:
                return False

        until(answers, START_S, lambda: f"{name} answers; its log ends: {self._children.tail(name)}")

    def _trusted(self) -> Trusted:
        """The authorities' certificates as they themselves give them; a log does not tell its key."""
        said = httpx.get(f"{self._urls['fulcio']}/api/v2/trustBundle", timeout=10).raise_for_status().json()
        fulcio = "\n".join(said["chains"][0]["certificates"]).encode()
        stamps = httpx.get(f"{self._urls['timestamps']}/api/v1/timestamp/certchain", timeout=10).raise_for_status()
        return Trusted(
            urls={**self._urls, "issuer": self.people},
            fulcio=x509.load_pem_x509_certificates(fulcio),
            timestamps=x509.load_pem_x509_certificates(stamps.content),
            ct=self._keys.ct,
            rekor=self._keys.rekor,
        )
