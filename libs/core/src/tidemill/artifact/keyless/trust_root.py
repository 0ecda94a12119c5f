"""The trust root: the certificates and keys of the authority and the logs that are believed, from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemill.artifact.keyless.library import MANY_BYTES, check_installed, one_line
from tidemill.errors import ConfigError

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig, TrustedRoot

__all__ = ["SETTING", "read_client_config", "read_trust_root", "trust_root_text"]

SETTING = "TIDEMILL_SIGSTORE_TRUST_ROOT"
_CLIENT = "application/vnd.dev.sigstore.clienttrustconfig"


def read_trust_root(path: Path) -> TrustedRoot:
    """From a trusted_root.json or a ClientTrustConfig. Raises OSError where it cannot be read, ConfigError where it is
    neither, or lacks what a signature is verified by.
    """
    check_installed(SETTING)
    from sigstore.models import ClientTrustConfig, TrustedRoot

    text = _read(path, SETTING)
    try:
        document = json.loads(text)
        if str(document["mediaType"]).startswith(_CLIENT):
            root, document = ClientTrustConfig.from_json(text).trusted_root, document["trustedRoot"]
        else:  # once more from its place, for the library makes a root of a file alone
            root = TrustedRoot.from_file(str(path))
        _check_whole(document)
        root.get_fulcio_certs()
    except Exception as error:  # whatever the library says of a file that it cannot take, the person reads it
        raise ConfigError(f"{path} ({SETTING}) is no trust root of sigstore: {one_line(error)}. {_CURE}") from error
    return root


def read_client_config(path: Path, setting: str) -> ClientTrustConfig:
    """A deployment of one's own: where its services are, and its trust root. Raises ConfigError."""
    check_installed(setting)
    from sigstore.models import ClientTrustConfig

    try:
        return ClientTrustConfig.from_json(_read(path, setting))
    except OSError as error:
        raise ConfigError(f"{error}") from error
    except Exception as error:
        raise ConfigError(f"{setting}: {path} is no ClientTrustConfig of sigstore: {one_line(error)}") from error


def trust_root_text(config: ClientTrustConfig) -> bytes:
    """The trust root of a deployment, as it stands in a file. The library has no public way to write one."""
    return config.trusted_root._inner.to_json().encode()


def _check_whole(document: Any) -> None:
    """A root without one of these would refuse every signature, each as if it were its fault."""
    for part in ("certificateAuthorities", "ctlogs", "tlogs"):
        if not document.get(part):
            raise ValueError(f"it has no `{part}`")


def _read(path: Path, setting: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MANY_BYTES + 1)
    except OSError as error:
        raise OSError(error.errno, f"{path} ({setting}) cannot be read: {error.strerror}. {_CURE}") from error
    if len(data) > MANY_BYTES:
        raise ConfigError(f"{path} ({setting}) has more than {MANY_BYTES:,} bytes: it is no file of sigstore's")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} ({setting}) is not UTF-8") from error


_CURE = "`tidemill models new-key` writes one where TIDEMILL_SIGNING_SERVICE=sigstore: signs"
