"""sigstore's client, which is there where the extra `sigstore` is installed; it is imported where it is used."""

from __future__ import annotations

import importlib.util

from tidemill.errors import ConfigError

__all__ = ["MANY_BYTES", "check_installed", "one_line"]

MANY_BYTES = 1 << 20
"""More has no file that names identities, a trust root or a token."""
_SAID = 300


def check_installed(setting: str) -> None:
    """Raise ConfigError where the library is not there that `setting` asks for."""
    if importlib.util.find_spec("sigstore") is None:
        raise ConfigError(f"{setting} needs the library sigstore: pip install 'tidemill-core[sigstore]'")


def one_line(error: BaseException) -> str:
    """What an error says, on one line and of bounded length: some of it may be a stranger's text."""
    return " ".join(str(error).split())[:_SAID] or type(error).__name__
