"""What lies in the artifact store, and how it is taken from there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidemill.artifact import ArtifactError, Manifest
from tidemill.artifact.manifest import MANIFEST_FILE
from tidemill.artifact.place import check_place
from tidemill.stores import absolute, join, read_bytes
from tidemill_operations.errors import NotPossible
from tidemill_operations.lifecycle.policy import Stored, Whose

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

MAX_MANIFEST_BYTES = 1 << 20


def artifacts(platform: PlatformView, models: list[str]) -> Iterator[Stored]:
    """Every folder below these models' places. Raises NotPossible where the store is away."""
    import fsspec

    root = absolute(platform.settings.artifacts).rstrip("/")
    filesystem, base = fsspec.core.url_to_fs(root)
    for model in models:
        folder = f"{str(base).rstrip('/')}/{model}"
        try:
            if not filesystem.exists(folder):
                continue
            for entry in filesystem.ls(folder, detail=True):
                if entry["type"] == "directory":
                    name = entry["name"].rstrip("/").rpartition("/")[2]
                    yield _stored(platform, filesystem, model, join(root, model, name), entry["name"])
        except OSError as error:
            raise NotPossible(f"the artifact store {root} cannot be read: {error}") from error


def _stored(platform: PlatformView, filesystem: Any, model: str, uri: str, folder: str) -> Stored:
    files = filesystem.find(folder, detail=True).values()
    return Stored(
        model=model, uri=uri, newest_ms=max((_written_ms(file) for file in files), default=0),
        size=sum(file.get("size") or 0 for file in files), whose=_whose(platform, model, uri),
    )  # fmt: skip


def _written_ms(file: dict[str, Any]) -> int:
    """By whatever name a store has it; one that does not tell counts as written for ever after."""
    at = file.get("mtime", file.get("LastModified", file.get("updated")))
    if isinstance(at, datetime):
        return int(at.timestamp() * 1000)
    return int(at * 1000) if isinstance(at, int | float) else 1 << 62


def _whose(platform: PlatformView, model: str, uri: str) -> Whose:
    """By the topics that its data set was read from. One that was imported names none."""
    try:
        manifest = Manifest.from_bytes(read_bytes(join(uri, MANIFEST_FILE), MAX_MANIFEST_BYTES))
    except FileNotFoundError:
        return Whose.NOBODYS
    except ArtifactError:
        return Whose.UNKNOWN
    own = set(platform.topics.model_topics(model).values())
    named = {one["topic"] for one in manifest.data_set.get("offsets") or ()}
    return Whose.OURS if named and named <= own else Whose.UNKNOWN


def take(platform: PlatformView, one: Stored) -> None:
    """Take an artifact from its store, the manifest first: what is left by an interruption is nobody's, and goes the
    next time. Raises NotPossible where the store refuses, ArtifactError for a place outside of it.
    """
    import fsspec

    check_place(one.uri, absolute(platform.settings.artifacts), one.model)
    filesystem, folder = fsspec.core.url_to_fs(one.uri)
    try:
        if filesystem.exists(f"{folder}/{MANIFEST_FILE}"):
            filesystem.rm_file(f"{folder}/{MANIFEST_FILE}")
        filesystem.rm(folder, recursive=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise NotPossible(f"{one.uri} cannot be deleted: {error}") from error
