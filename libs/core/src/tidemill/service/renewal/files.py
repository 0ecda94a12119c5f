"""The files of a contract as they lie there: one digest of their bytes, and whether they stand still.

Kubernetes changes a ConfigMap's files by one symlink (`..data`), editors write beside a file and rename, a copy takes
its time: so what counts is what is read through the names, and it counts when two looks in a row find the same.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

__all__ = ["Looks", "digest_of"]

MODEL_FILES: Final = ("*.yaml", "*.yml")
SCHEMA_FILES: Final = ("topics.yaml", "*.avsc", "models/*.avsc", "models/history/*/*.avsc")


def digest_of(models_dir: Path, schemas_dir: Path) -> str:
    """SHA-256 (hex) over names and bytes of the model files and of all schemas; of a file that cannot be read, its name
    and why. Folders that are not there have no files.
    """
    digest = hashlib.sha256()
    for folder, patterns in ((models_dir, MODEL_FILES), (schemas_dir, SCHEMA_FILES)):
        for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
            digest.update(f"\n{path.relative_to(folder)}\n".encode(errors="surrogateescape"))
            digest.update(_bytes(path))
    return digest.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:  # it goes while it is read, or may not be read: the contract's own reader says so
        return type(error).__name__.encode()


class Looks:
    """Looks at the files again and again. For one thread."""

    def __init__(self, models_dir: Path, schemas_dir: Path, known: str) -> None:
        """`known`: the digest of what is at work."""
        self._folders = (models_dir, schemas_dir)
        self._settled = self._before = known

    def look(self) -> str | None:
        """The digest of what is there, once for each state that two looks in a row have found; else None."""
        found = digest_of(*self._folders)
        still, self._before = found == self._before, found
        if not still or found == self._settled:
            return None
        self._settled = found
        return found

    def again(self) -> None:
        """What was given last is to be given again: it could not be dealt with."""
        self._settled = ""
