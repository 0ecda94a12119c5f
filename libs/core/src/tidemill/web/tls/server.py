"""The certificate that a process serves with, and the thread that takes up what its files become."""

from __future__ import annotations

import logging
import ssl
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from tidemill.errors import ConfigError
from tidemill.web.metrics import CERTIFICATE_EXPIRES, CERTIFICATE_LOADS
from tidemill.web.tls.files import TlsFiles

if TYPE_CHECKING:
    from tidemill.settings import CommonSettings
    from tidemill.web.tls.pair import ServerPair

__all__ = ["ServerTls", "open_tls"]

LOOK_EVERY_S: Final = 1.0
"""What two looks in a row find is taken up: a renewal within three seconds, and no file that is half written."""

_log = logging.getLogger(__name__)


class ServerTls:
    """What a door needs to speak TLS. `context` is that of the certificate which holds now: ask for it at each
    connection, and those that are open keep theirs. A pair that is not one, has ended or cannot be read changes
    nothing: it is logged and counted, and the one before goes on.

    Raises ConfigError where the files do not hold a pair at the start. A context manager; looks at the files in a
    daemon thread, by content and by path, so that a symlink which leads elsewhere (a Secret of Kubernetes) is seen.
    """

    def __init__(self, files: TlsFiles, hsts_max_age_s: int, look_every_s: float = LOOK_EVERY_S) -> None:
        from tidemill.web.tls.pair import load_pair

        self.hsts = f"max-age={hsts_max_age_s}"
        """The value of Strict-Transport-Security (RFC 6797)."""
        self._files, self._load, self._look_every_s = files, load_pair, look_every_s
        self._seen = self._refused = b""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="certificate", daemon=True)
        for outcome in ("taken", "refused"):
            CERTIFICATE_LOADS.labels(outcome)
        self._take(load_pair(files))

    @property
    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        return self._pair.context

    @property
    def expires_at(self) -> datetime:
        """When the certificate ends."""
        return self._pair.expires_at

    def look(self) -> None:
        """Take up what the files hold, if it has stood there for two looks."""
        try:
            digest = self._files.read().digest
        except ConfigError as error:
            digest = str(error).encode()
        seen, self._seen = self._seen, digest
        if digest == self._pair.digest:
            self._refused = b""
        elif digest == seen != self._refused:
            self._take_up(digest)

    def start(self) -> Self:
        """Begin to look; returns itself."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _watch(self) -> None:
        while not self._stop.wait(self._look_every_s):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - a look that breaks must not end the looking
                _log.exception("the look at the certificate failed; it is looked again")

    def _take_up(self, digest: bytes) -> None:
        try:
            pair = self._load(self._files)
        except ConfigError as error:
            self._refused = digest
            CERTIFICATE_LOADS.labels("refused").inc()
            _log.error("the certificate before goes on, until %s: %s", self.expires_at.isoformat(), error)
        else:
            self._take(pair)

    def _take(self, pair: ServerPair) -> None:
        self._pair = pair
        self._refused = b""
        CERTIFICATE_EXPIRES.labels(str(self._files.certificate)).set(pair.expires_at.timestamp())
        CERTIFICATE_LOADS.labels("taken").inc()
        _log.info(
            "TLS with a certificate for %s, until %s", ", ".join(pair.names) or "no name", pair.expires_at.isoformat()
        )


def open_tls(settings: CommonSettings) -> ServerTls | None:
    """What the settings say; None where they name no certificate. Raises ConfigError."""
    files = settings.tls_files()
    return ServerTls(files, settings.hsts_max_age_s) if files is not None else None
