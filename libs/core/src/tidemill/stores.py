"""Bytes in and out of any store that fsspec knows: `file://` here, `s3://` or `gs://` there."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import fsspec


class TooLarge(OSError):
    """The object is larger than its reader allows."""


def join(uri: str, *names: str) -> str:
    """`uri` with `names` below it. A name with a separator or that climbs is a ValueError."""
    for name in names:
        if not name or name in (".", "..") or "/" in name or "\\" in name:
            raise ValueError(f"not a plain name: {name!r}")
    return "/".join((uri.rstrip("/"), *names))


def absolute(uri: str) -> str:
    """The same place whatever the working folder: a plain path becomes a file:// URL."""
    return uri if "://" in uri else Path(uri).absolute().as_uri()


def read_bytes(uri: str, limit: int) -> bytes:
    """The object at `uri`. Raises FileNotFoundError, another OSError, or TooLarge past `limit` bytes (then
    unread).
    """
    filesystem, path = _resolve(uri)
    with filesystem.open(path, "rb") as file:
        data: bytes = file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"{uri} is larger than {limit} bytes")
    return data


def write_bytes(uri: str, data: bytes) -> None:
    """Write the whole object or none of it: a reader never sees a part.

    Object stores have that by themselves; in a file system it is write, fsync, rename.
    """
    filesystem, path = _resolve(uri)
    filesystem.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    if "file" not in _protocols(filesystem):
        filesystem.pipe_file(path, data)
        return
    partial = Path(f"{path}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def list_names(uri: str) -> list[str]:
    """The plain names below `uri`, sorted; empty where there is nothing yet."""
    filesystem, path = _resolve(uri)
    try:
        found = filesystem.ls(path, detail=False)
    except FileNotFoundError:
        return []
    return sorted(str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in found)


def _resolve(uri: str) -> tuple[Any, str]:
    filesystem, path = fsspec.core.url_to_fs(uri)
    return filesystem, str(path)


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
