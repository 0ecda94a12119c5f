"""Where the platform is and how it is asked: what both clients are made with, and httpx's answers as ours."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from tidemill.client.errors import ClientError
from tidemill.client.exchange import Answer, NoAnswer, Request
from tidemill.client.flows.forms import Forms

if TYPE_CHECKING:
    from tidemill.settings import CommonSettings

__all__ = ["Connection"]

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(kw_only=True)
class Connection:
    """`ingest`, `serve`: where the two services are, as `tidemill up` prints them. `key`: as `tidemill keys create`
    shows it, or a token; none where the platform asks for none. `timeout`: of one request, in s; `retry_s`: for how
    long what may pass is tried again (no connection, 429 and 503), in s. `kafka`: HOST:PORT, for `tail_predictions`
    alone, whose logins are TIDEMILL_KAFKA_... as everywhere; or settings. `ca_file`: certificates (PEM) of authorities
    that are believed beside those everybody believes; `verify`: an SSL context of your own in place of that. False
    looks at no certificate, so that anybody may answer and read the key, and warns of it.

    Raises ClientError for an address that is none. Connections are opened when they are needed, and kept.
    """

    ingest: str = "http://127.0.0.1:8081"
    serve: str = "http://127.0.0.1:8082"
    key: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    retry_s: float = 30.0
    kafka: str | CommonSettings | None = None
    ca_file: str | PathLike[str] | None = None
    verify: bool | ssl.SSLContext = True

    def __post_init__(self) -> None:
        for name in ("ingest", "serve"):
            found = urlsplit(getattr(self, name))
            if found.scheme not in ("http", "https") or not found.hostname:
                raise ClientError(f"{name}={getattr(self, name)!r} is no address: write http://HOST:PORT or https://…")
        self._forms = Forms()
        self._trust = self._trusted()

    def _options(self) -> dict[str, Any]:
        """What httpx's client is made with. A proxy of the environment is not asked for this machine."""
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        here = all(urlsplit(address).hostname in _LOOPBACK for address in (self.ingest, self.serve))
        return {"timeout": self.timeout, "headers": headers, "verify": self._trust, "trust_env": not here}

    def _trusted(self) -> bool | ssl.SSLContext:
        if self.ca_file is not None and self.verify is not True:
            raise ClientError("ca_file and verify are both given: keep one")
        if self.verify is False:
            warnings.warn("verify=False: whoever answers may read the key; name an authority by ca_file", stacklevel=5)
        if self.ca_file is None:
            return self.verify
        trust = httpx.create_ssl_context()
        try:
            trust.load_verify_locations(cafile=self.ca_file)
        except OSError as error:  # of TLS too
            why = error.strerror or error
            raise ClientError(f"ca_file={str(self.ca_file)!r}: {why}: name a PEM file of certificates") from error
        return trust

    def _asked(self, request: Request) -> dict[str, Any]:
        """A request as httpx takes it."""
        base = self.ingest if request.door == "ingest" else self.serve
        content = {"content": request.body} if request.method == "POST" else {}
        url = base.rstrip("/") + request.path
        return {"method": request.method, "url": url, "headers": dict(request.headers), **content}

    def _settings(self) -> CommonSettings:
        """How to reach Kafka. Raises ClientError where nobody has said."""
        from tidemill.settings import CommonSettings

        if self.kafka is None:
            raise ClientError("predictions are tailed from Kafka: say where, with kafka='HOST:PORT'")
        if not isinstance(self.kafka, str):
            return self.kafka
        try:
            return CommonSettings(kafka_bootstrap=self.kafka)
        except ValueError as error:
            raise ClientError(f"the settings of Kafka are wrong: {error}") from error


def answer_of(response: httpx.Response) -> Answer:
    """A response, read whole."""
    headers: Mapping[str, str] = response.headers
    return Answer(response.status_code, headers, response.content)


def no_answer(error: httpx.TransportError) -> NoAnswer:
    """Why there is none."""
    why = str(error) or type(error).__name__
    return NoAnswer(f"{why} ({error.request.url})" if error.request else why, not isinstance(error, _NOT_SENT))
