"""Files of a backup back to where they belong."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tidemill.stores import is_unfinished
from tidemill_operations.backup.document import TABLES, Damaged, Part, Stored
from tidemill_operations.backup.places import below, files_below, write
from tidemill_operations.backup.sources import LOG, Told
from tidemill_operations.backup.store import BackupStore, read_source

AT_ONCE: Final = 16
"""Files that are written at once, and held in memory."""


class FilesBack:
    """The files of one part, below one root. What is there already and is the same is left as it is."""

    def __init__(self, store: BackupStore, part: Part, root: str) -> None:
        """Raises Damaged where the part's list cannot be read, or names a place elsewhere."""
        self._store = store
        self._part = part
        self._files = {file.path: file for file in store.listing(part)}
        try:
            self.root = below(root, part.name) if part.kind == TABLES else root
            for path in self._files:
                below(self.root, path)
        except ValueError as error:
            raise Damaged(f"{store.place(part.listing)} is no list of files below {root}: {error}") from None
        self._there: set[str] = set()

    def in_the_way(self) -> list[str]:
        """What stands there and is not the backup's, in words."""
        there, found = files_below(self.root), []
        for path in there.keys() & self._files.keys():
            if self._same(self._files[path]):
                self._there.add(path)
            else:
                found.append(f"{self.root}/{path} is another file")
        if self._part.kind == TABLES:  # a table is all files of its folder; artifacts stand beside others
            more = sorted(path for path in there.keys() - self._files.keys() if not is_unfinished(path))
            if more:
                found.append(f"{self.root} has {len(more):,} files that the backup does not have, {more[0]} among them")
        return found

    def write(self, told: Told) -> tuple[int, int]:
        """Write what is missing, several at once; gives files and bytes. A table's log comes when all else is there, so
        that no commit ever stands without its rows. Raises Damaged.
        """
        missing = [file for file in self._files.values() if file.path not in self._there]
        log = sorted((file for file in missing if file.path.startswith(LOG)), key=lambda file: file.path)
        rows = sorted(
            (file for file in missing if not file.path.startswith(LOG)), key=lambda file: (file.object, file.at)
        )
        done = 0
        for files in (rows, log):
            for start in range(0, len(files), AT_ONCE):
                self._write_all(files[start : start + AT_ONCE])
                done += len(files[start : start + AT_ONCE])
                told(f"{self._part.kind} {self._part.name}".strip(), done, len(missing))
        return len(missing), sum(file.bytes for file in missing)

    def _write_all(self, files: list[Stored]) -> None:
        """Write these at once: each waits for its store, or for the disk."""
        contents = [(below(self.root, file.path), self._store.content(file)) for file in files]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(lambda one: write(*one), contents):
                pass

    def _same(self, file: Stored) -> bool:
        return hashlib.sha256(read_source(below(self.root, file.path))).hexdigest() == file.sha256
