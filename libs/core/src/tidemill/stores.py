"""Bytes in and out of any store that fsspec knows: `file://` here, `s3://` or `gs://` there."""

from __future__ import annotations

import io
import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec

PART_BYTES = 4 << 20
"""What is read at a time: few requests to a remote store, and yet soon seen when bytes cease to come."""

_NOT_FOUND = 404
_UNFINISHED = re.compile(r"(\.[0-9a-f]{32}\.partial|#[0-9]+)\Z")


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


def is_unfinished(path: str) -> bool:
    """Whether a file of this name is a write that goes on or was killed: nobody reads it, and no listing of Delta
    Lake's shows it.

    >>> [is_unfinished(name) for name in ("a.json", f"a.json.{32 * '0'}.partial", "part-1.parquet#1")]
    [False, True, True]
    """
    return _UNFINISHED.search(path) is not None


def unwatched(count: int) -> None:
    """Nobody looks on."""


def read_bytes(uri: str, limit: int, watch: Callable[[int], None] = unwatched) -> bytes:
    """The object at `uri`, read in parts. `watch` is told the size of each part as it comes; what it raises breaks
    the read off.

    Raises FileNotFoundError, another OSError, or TooLarge past `limit` bytes (unread where the store knows the size).
    Whatever else a store's library raises is an OSError here: the store is away, or broke off.
    """
    filesystem, path = _resolve(uri)
    data = io.BytesIO()  # grows in place and gives its bytes without a copy
    try:
        with filesystem.open(path, "rb", block_size=PART_BYTES) as file:
            if (getattr(file, "size", None) or 0) > limit:
                raise TooLarge(f"{uri} is larger than {limit} bytes")
            while part := file.read(min(PART_BYTES, limit + 1 - data.tell())):
                data.write(part)
                watch(len(part))
    except (OSError, MemoryError) as error:
        if _is_away(error, filesystem):
            raise OSError(f"{uri} cannot be read: {error.__cause__!r}") from error
        raise
    except Exception as error:
        raise OSError(f"{uri} cannot be read: {error!r}") from error
    if data.tell() > limit:
        raise TooLarge(f"{uri} is larger than {limit} bytes")
    return data.getvalue()


def write_bytes(uri: str, data: bytes) -> None:
    """Write the whole object or none of it: a reader never sees a part.

    Object stores have that by themselves; in a file system it is write, fsync, rename. Raises OSError, whatever a
    store's library raises: the store is full or away.
    """
    try:
        _write(uri, data)
    except OSError as error:
        raise OSError(error.errno, f"{uri} cannot be written: {error.strerror or error}") from error
    except Exception as error:
        raise OSError(f"{uri} cannot be written: {error!r}") from error


def _write(uri: str, data: bytes) -> None:
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


def _resolve(uri: str) -> tuple[Any, str]:
    filesystem, path = fsspec.core.url_to_fs(uri)
    return filesystem, str(path)


def _is_away(error: BaseException, filesystem: Any) -> bool:
    """Whether it says "not found" although the store did not answer: what fsspec says of HTTP at the first contact."""
    if not isinstance(error, FileNotFoundError) or "http" not in _protocols(filesystem):
        return False
    cause = error.__cause__
    return not isinstance(cause, FileNotFoundError | None) and getattr(cause, "status", None) != _NOT_FOUND


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
