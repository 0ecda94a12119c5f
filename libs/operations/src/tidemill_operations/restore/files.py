"""Files of a backup back to where they belong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tidemill.stores import write_bytes
from tidemill_operations.backup.document import TABLES, Part, Stored
from tidemill_operations.backup.places import below, files_below, reaching
from tidemill_operations.backup.sources import LOG, Told
from tidemill_operations.backup.store import BackupStore, read_source


class FilesBack:
    """The files of one part, below one root. What is there already and is the same is left as it is."""

    def __init__(self, store: BackupStore, part: Part, root: str) -> None:
        """Raises Damaged where the part's list cannot be read."""
        self._store = store
        self._part = part
        self.root = f"{root}/{part.name}" if part.kind == TABLES else root
        self._files = {file.path: file for file in store.listing(part)}
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
            more = sorted(there.keys() - self._files.keys())
            if more:
                found.append(f"{self.root} has {len(more):,} files that the backup does not have, {more[0]} among them")
        return found

    def write(self, told: Told) -> tuple[int, int]:
        """Write what is missing; gives files and bytes. A table's log comes last and in order, so that a table which is
        there is never ahead of its rows. Raises Damaged.
        """
        files = [file for file in self._in_order() if file.path not in self._there]
        for done, file in enumerate(files, 1):
            place = below(self.root, file.path)
            data = self._store.content(file)
            with reaching(place):
                write_bytes(place, data)
            told(f"{self._part.kind} {self._part.name}".strip(), done, len(files))
        return len(files), sum(file.bytes for file in files)

    def _in_order(self) -> Iterable[Stored]:
        rows = (file for path, file in self._files.items() if not path.startswith(LOG))
        yield from sorted(rows, key=lambda file: (file.object, file.at))
        yield from (self._files[path] for path in sorted(self._files) if path.startswith(LOG))

    def _same(self, file: Stored) -> bool:
        return hashlib.sha256(read_source(below(self.root, file.path))).hexdigest() == file.sha256
