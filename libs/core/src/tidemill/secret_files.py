"""Secrets in files: any setting from one (`TIDEMILL_DATABASE_URL_FILE` names the file that holds
`TIDEMILL_DATABASE_URL`), and writing one that no other person may read.

The keys of an S3 store, too: of the libraries that talk to it not all read a credentials file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tidemill.errors import ConfigError

__all__ = ["HIDDEN", "STORE_KEYS", "SUFFIX", "from_files", "replace_file", "take_store_keys", "without_store_keys"]

SUFFIX = "_FILE"
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
HIDDEN: Final = "*****"
_TO_HIDE: Final = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LEAST: Final = 8
"""A shorter one is no key of a store's, and may be a word of the text."""


def from_files(environ: Mapping[str, str], names: Collection[str], prefix: str) -> dict[str, str]:
    """The values of the settings `names` (lower case, without `prefix`) that `environ` names a file for, without the
    line's end. A setting whose own name ends so (`log_file`) is itself and no other's.

    Raises ValueError for a file that cannot be read, and where the setting is given as well. No message holds a value.
    """
    variables = {f"{prefix}{name}".upper() + SUFFIX: name for name in names if f"{name}{SUFFIX.lower()}" not in names}
    given = {variable: environ[variable] for variable in variables.keys() & environ.keys()}
    for variable in given:
        plain = variable.removesuffix(SUFFIX)
        if plain in environ:
            raise ValueError(f"{plain} and {variable} are both set: keep one")
    return {variables[variable]: _content(variable, Path(path)) for variable, path in sorted(given.items())}


def take_store_keys(environ: MutableMapping[str, str]) -> None:
    """Put the keys into `environ` that it names files for, in place of these: children inherit them. To be called when
    a process starts. Raises ConfigError where `from_files` would raise.
    """
    files = [name + SUFFIX for name in STORE_KEYS if name + SUFFIX in environ]
    try:
        keys = from_files(environ, [name.lower() for name in STORE_KEYS], "")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    environ.update({name.upper(): key for name, key in keys.items()})
    for variable in files:
        del environ[variable]


def without_store_keys(text: str, environ: Mapping[str, str] | None = None) -> str:
    """`text` without the secret keys of the store that `environ` (by default this process's) holds.

    A store that takes no request for its signature answers with the request, the session token among its headers, and
    object_store, by which Delta tables are read, puts the whole answer into its error. So whatever of an error leaves
    the process goes through here: log lines, readiness, what the training process answers, what a command says last.
    """
    for name in _TO_HIDE:
        value = (os.environ if environ is None else environ).get(name, "")
        if len(value) >= _LEAST:
            for form in (value, quote(value, safe="")):
                text = text.replace(form, HIDDEN)
    return text


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put `data` where `path` is, whole or not at all, with these rights from its first byte on. Folders are made.
    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _content(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"{variable}: {path} cannot be read: {reason}") from None
