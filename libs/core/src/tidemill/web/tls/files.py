"""The files of a server's certificate: where they are, and what stands in them now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tidemill.errors import ConfigError

__all__ = ["Content", "TlsFiles"]


@dataclass(frozen=True, slots=True)
class Content:
    """What the files held at one moment. `repr` shows none of it."""

    certificate: bytes
    key: bytes
    password: bytes | None

    def __repr__(self) -> str:
        return f"Content({self.digest.hex()[:8]})"

    @property
    def digest(self) -> bytes:
        """By which two contents are told apart, so that nobody keeps a private key for that."""
        parts = (self.certificate, self.key, self.password or b"")
        return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """`certificate`: PEM, the server's own first, those behind which its authority stands after it. `key`: PEM, the
    private key of the first, in the same file too. `password`: a file with what the key is encrypted by.
    """

    certificate: Path
    key: Path
    password: Path | None = None

    def read(self) -> Content:
        """What the paths lead to now. Raises ConfigError, under the setting's name, for a file that cannot be read."""
        password = _read("TIDEMILL_TLS_KEY_PASSWORD_FILE", self.password) if self.password else None
        return Content(
            _read("TIDEMILL_TLS_CERTIFICATE", self.certificate),
            _read("TIDEMILL_TLS_KEY", self.key),
            password.rstrip(b"\r\n") if password is not None else None,
        )


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{setting}: {path} cannot be read ({error.strerror}): name a PEM file that this process's user may read"
        ) from None
