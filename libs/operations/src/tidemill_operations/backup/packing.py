"""Puts the files of a part into a store: what has not changed since the backup before is neither read nor written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from tidemill_operations.backup.document import Part, Stored
from tidemill_operations.backup.store import BackupStore

SMALL: Final = 1 << 20
"""Bytes below which files are put together: a table's log has thousands of them."""
PACK: Final = 8 << 20
"""Bytes of files that are put together."""


class Packer:
    """Collects the files of one part. Not thread-safe."""

    def __init__(self, store: BackupStore, before: Mapping[str, Stored]) -> None:
        """`before`: the files of the same part, at the same place, in an earlier backup here."""
        self._store = store
        self._before = before
        self._files: dict[str, Stored] = {}
        self._pack = bytearray()
        self._packed: list[Stored] = []

    def unchanged(self, path: str, mark: str) -> bool:
        """Take the file as it is in the backup before, if its store says that it is the same."""
        known = self._before.get(path)
        same = known is not None and bool(mark) and known.mark == mark and known.object in self._store.objects()
        if same and known is not None:
            self._files[path] = known
        return same

    def add(self, path: str, data: bytes, mark: str = "") -> None:
        """Take these bytes."""
        digest = hashlib.sha256(data).hexdigest()
        if len(data) >= SMALL:
            self._files[path] = Stored(path, digest, len(data), self._store.put(data), 0, mark)
            return
        self._packed.append(Stored(path, digest, len(data), "", len(self._pack), mark))
        self._pack += data
        if len(self._pack) >= PACK:
            self._flush()

    def finish(self, kind: str, name: str, version: int | None = None) -> Part:
        """The part, with all that was taken in the order of paths."""
        self._flush()
        files = [self._files[path] for path in sorted(self._files)]
        size = sum(file.bytes for file in files)
        return Part(kind, name, self._store.put_listing(files), len(files), size, version)  # type: ignore[arg-type]

    def _flush(self) -> None:
        if self._packed:
            pack = self._store.put(bytes(self._pack))
            for file in self._packed:
                self._files[file.path] = Stored(file.path, file.sha256, file.bytes, pack, file.at, file.mark)
            self._pack, self._packed = bytearray(), []
