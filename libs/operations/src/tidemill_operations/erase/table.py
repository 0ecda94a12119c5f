"""What a model's training table holds of an entity, and its erasure there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tidemill_operations.erase.database import readers_of_old_rows
from tidemill_operations.erase.files import Leftover, leftovers, old_files, take_old_files
from tidemill_operations.erase.positions import Positions
from tidemill_operations.erase.report import Holding, State
from tidemill_operations.erase.rows import delete_rows, find_rows
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.erase.records import Wanted
    from tidemill_operations.platform import PlatformView

MOST_CLASHES = 10


class TrainingTable:
    """One model's table, to be erased from. Its store may be away: NotPossible says so."""

    def __init__(self, platform: PlatformView, spec: ModelSpec) -> None:
        from tidemill_operations.references.reading import table_uri

        self._platform = platform
        self._spec = spec
        self.uri = table_uri(platform.settings.tables, platform.settings.prefix, spec.name)

    def find(self, wanted: Wanted) -> Positions:
        """Where the entity's rows came from; none where there is no table."""
        with self._store():
            table = self._open()
            return Positions() if table is None else find_rows(table, self._spec, wanted)

    def would(self, rows: Positions) -> list[Holding]:
        """What an erasure would come to."""
        with self._store():
            table = self._open()
            return [] if table is None else self._would(table, rows)

    def _would(self, table: DeltaTable, rows: Positions) -> list[Holding]:
        where = f"table {self.uri}"
        found = []
        if rows.count:
            found.append(Holding(where=where, state=State.ERASED, count=rows.count, what="rows"))
        if files := old_files(table):
            found.append(Holding(where=where, state=State.ERASED, count=files, what="files of old versions"))
        return found

    def erase(self, wanted: Wanted, clean: Callable[[int], None]) -> list[Holding]:
        """Delete the rows; take the files of old versions from the store, where nobody reads them any more. `clean` is
        told, before the files go, the version that holds no such row.
        """
        with self._store():
            return [] if self._open() is None else self._erased(wanted, clean)

    def _erased(self, wanted: Wanted, clean: Callable[[int], None]) -> list[Holding]:
        deleted, version = delete_rows(self.uri, self._spec, wanted)
        clean(version)
        where = f"table {self.uri}"
        found = [Holding(where=where, state=State.ERASED, count=deleted, what="rows")] if deleted else []
        table = self._open()
        assert table is not None, "rows have been deleted from it"
        if readers := readers_of_old_rows(self._platform, self._spec.name, table.version()):
            if files := old_files(table):
                found.append(_needed(where, files, readers))
        else:
            found += self._taken(where)
        return found + [_leftover(where, one) for one in leftovers(self._open() or table, self._spec, wanted)]

    def _taken(self, where: str) -> list[Holding]:
        from deltalake.exceptions import CommitFailedError

        for _ in range(MOST_CLASHES):
            table = self._open()
            assert table is not None, "it was there"
            try:
                taken = take_old_files(table)
            except CommitFailedError:
                continue  # another writer was faster
            told = {"files of old versions": taken.files, "entries of its log": taken.entries}
            return [
                Holding(where=where, state=State.ERASED, count=count, what=what)
                for what, count in told.items()
                if count
            ]
        raise NotPossible(f"{self.uri} is written by others all the time: run it again")

    def _open(self) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            return DeltaTable(self.uri)
        except TableNotFoundError:
            return None

    @contextmanager
    def _store(self) -> Iterator[None]:
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (OSError, DeltaError) as error:
            raise NotPossible(
                f"the training table {self.uri} cannot be read or written: {error}: bring its store back "
                "(TIDEMILL_TABLES), and run it again: what was done stays done"
            ) from error


def _needed(where: str, files: int, readers: list[str]) -> Holding:
    return Holding(
        where=where, state=State.REMAINS, count=files, what="files of old versions",
        why=f"they may hold such rows, and are read still: {'; '.join(readers)}",
        cure="run it again once that is over",
    )  # fmt: skip


def _leftover(where: str, one: Leftover) -> Holding:
    return Holding(
        where=f"{where}: {one.path}", state=State.WAITS, count=1, what="files",
        until_ms=int(one.until.timestamp() * 1000), why="no commit names it, and a writer may be about to",
        cure="run it again after that: it takes the file",
    )  # fmt: skip
