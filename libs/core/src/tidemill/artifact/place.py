"""Whether an address lies below the artifact store of this platform, and is nothing else in disguise.

Addresses come from topics. Whoever may write there must not thereby make a worker fetch what it likes: the metadata
service of a cloud, a file of the machine, or a chain of file systems that begins at the store.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.stores import absolute

_PLAIN = re.compile(r"[A-Za-z0-9._=-][A-Za-z0-9._=@+-]*")
"""A part of a path that no store and no library reads as more than a name. Names of models and runs are."""


def check_place(uri: str, root: str, model: str) -> None:
    """Raise ArtifactError (reason `place`) unless `uri` is `<root>/<model>/<name>` with plain names.

    root: the store as the settings have it. Chained addresses (`::`), other schemes, hosts and buckets, `.` and `..`,
    escapes, queries, and in a file system symbolic links that lead out of the store, are refused.
    """
    base = absolute(root).rstrip("/")
    start = f"{base}/"
    rest = uri.removeprefix(start)
    if not uri.startswith(start) or "::" in rest:
        raise _elsewhere(uri, base)
    names = rest.split("/")
    if len(names) != 2 or not all(_PLAIN.fullmatch(name) and name not in (".", "..") for name in names):
        raise _elsewhere(uri, base)
    if names[0] != model:
        raise ArtifactError(f"{uri!r} is a place of another model than {model}", Reason.PLACE)
    if base.startswith("file://"):
        _check_links(base.removeprefix("file://"), rest, uri)


def _check_links(base: str, rest: str, uri: str) -> None:
    folder = Path(os.path.realpath(base))
    for path in (Path(base, rest), *_files(Path(base, rest))):
        if not Path(os.path.realpath(path)).is_relative_to(folder):
            raise ArtifactError(f"{uri!r}: {path.name} is a link that leads out of the artifact store", Reason.PLACE)


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # whoever reads it says so
        return []


def _elsewhere(uri: str, base: str) -> ArtifactError:
    return ArtifactError(
        f"{uri!r} is no place below the artifact store {base} (TIDEMILL_ARTIFACTS): nothing is fetched from elsewhere",
        Reason.PLACE,
    )
