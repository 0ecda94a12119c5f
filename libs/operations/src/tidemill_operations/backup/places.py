"""What lies below a URL of any store that fsspec knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidemill_operations.errors import NotPossible

_TELLING = ("mtime", "ino", "ETag", "etag", "LastModified", "last_modified", "updated", "generation", "md5Hash")
"""Of what stores say of a file: what changes when its bytes do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file. `mark`: another one where its bytes are others; `written`: when. Empty, or None, where it is not told."""

    bytes: int
    mark: str
    written: datetime | None = None


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """What a store's library raises, in words for a person: NotPossible. That a file is not there is passed on."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotPossible(f"{url} does not answer as it should: {error}") from error
    except ImportError as error:
        raise NotPossible(f"{url}: {error}") from error
    except ValueError as error:
        raise NotPossible(f"{url} is no address of a store: {error}") from error


def write(url: str, data: bytes) -> None:
    """Write the whole file or none of it. Raises NotPossible, also where stores say "not found" of what is to come: the
    bucket is not there, or the folder cannot be made.
    """
    from tidemill.stores import write_bytes

    with reaching(url):
        try:
            write_bytes(url, data)
        except FileNotFoundError as error:
            raise NotPossible(f"{error.strerror or error}: is that bucket or folder there?") from error


def files_below(url: str) -> dict[str, Found]:
    """All files below, by path; none where nothing is there. Raises NotPossible."""
    with reaching(url):
        filesystem, root = _resolve(url)
        try:
            found = filesystem.find(root, detail=True)
        except FileNotFoundError:
            return {}
    start = len(root.rstrip("/")) + 1
    return {
        path[start:]: Found(int(info["size"] or 0), _mark(info), _written(info)) for path, info in sorted(found.items())
    }


def remove(url: str, paths: Iterable[str]) -> None:
    """Remove these files below; one that is gone already is no error. Raises NotPossible."""
    with reaching(url):
        filesystem, root = _resolve(url)
        for path in paths:
            try:
                filesystem.rm_file(f"{root.rstrip('/')}/{path}")
            except FileNotFoundError:
                continue


def below(url: str, path: str) -> str:
    """The address of a file below. Raises ValueError for a path that climbs."""
    from tidemill.stores import join

    return join(url, *path.split("/"))


def _resolve(url: str) -> tuple[Any, str]:
    import fsspec

    filesystem, root = fsspec.core.url_to_fs(url)
    filesystem.invalidate_cache()
    return filesystem, str(root)


def _written(info: dict[str, Any]) -> datetime | None:
    """By whatever name a store has it."""
    at = info.get("mtime", info.get("LastModified", info.get("updated")))
    return datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else at if isinstance(at, datetime) else None


def _mark(info: dict[str, Any]) -> str:
    told = [f"{name}={info[name]}" for name in _TELLING if info.get(name) is not None]
    return " ".join((f"size={info['size']}", *told)) if told else ""
