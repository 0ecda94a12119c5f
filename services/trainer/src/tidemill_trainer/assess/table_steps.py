"""A training table version by version: which files each commit added. Reads the log alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from tidemill.errors import RetryLater

_log = logging.getLogger(__name__)


class FilesGone(RetryLater):
    """A file that a version of the table names is not in its store: vacuum took it, or the store is not whole."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the table: the kind of its rows, and the first and last event time among them."""

    path: str
    kind: str
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One commit. `table`: as it was after it, until the steps are asked again; `added`: files of new rows; `old`:
    those that were there before; `took_away`: whether it took files away, which may be gone from the store at any time
    now.
    """

    version: int
    table: DeltaTable
    added: tuple[File, ...] = ()
    old: tuple[File, ...] = ()
    took_away: bool = False


@dataclass(slots=True)
class TableSteps:
    """The commits of one table, one after another. Not thread-safe."""

    uri: str
    _newest: DeltaTable | None = field(default=None)
    _before: tuple[int, Mapping[str, File]] | None = field(default=None)

    def newest(self) -> int | None:
        """Number of the last commit; None where there is no table yet. Raises `RetryLater` where its store is away."""
        try:
            with may_be_away(self.uri):
                if self._newest is None:
                    self._newest = DeltaTable(self.uri)
                self._newest.update_incremental()
                return int(self._newest.version())
        except TableNotFoundError:
            return None

    def table(self) -> DeltaTable | None:
        """The table as it is now; None where there is none yet. Raises `RetryLater` where its store is away."""
        return None if self.newest() is None else self._newest

    def after(self, version: int) -> Step | None:
        """The commit that follows `version` (-1: the first one); None where there is none yet.

        A commit that takes files away (compaction, a deletion) adds no rows. Where the log does not go back so far,
        all that is in the table now is the next step of a table of which nothing was read, and else what is between
        is passed over, which is logged. A table that was made anew is begun at its first commit, which is logged too.
        Raises `RetryLater` where the store is away.
        """
        newest = self.newest()
        if newest is not None and newest < version:
            _log.error("%s is another table: label time had come to version %d of the one before", self.uri, version)
            version, self._before = -1, None
        if newest is None or newest <= version:
            return None
        table = self._newest if newest == version + 1 else self._open(version + 1)  # to open reads the log once more
        before = self._files_before(version)
        if table is None or before is None:
            return self._jump(version, newest)
        files = files_of(table)
        gone = before.keys() - files.keys()
        added = () if gone else tuple(file for path, file in files.items() if path not in before)
        self._before = (version + 1, files)
        old = tuple(files[path] for path in files.keys() & before.keys())
        return Step(version + 1, table, added, old, took_away=bool(gone))

    def over(self, version: int) -> Step:
        """Where files of the commits after `version` are gone: the step to the newest commit, as `after` makes it where
        the log does not go back so far. Raises `RetryLater`.
        """
        newest = self.newest()
        if newest is None:
            raise RetryLater(f"the training table {self.uri} is not there: bring its store back", delay_s=2.0)
        return self._jump(version, newest)

    def _files_before(self, version: int) -> Mapping[str, File] | None:
        if version < 0:
            return {}
        if self._before is not None and self._before[0] == version:
            return self._before[1]
        table = self._open(version)
        return None if table is None else files_of(table)

    def _open(self, version: int) -> DeltaTable | None:
        """The table as it was; None where its log does not go back so far. Raises `RetryLater`."""
        try:
            with may_be_away(self.uri):
                return DeltaTable(self.uri, version=version)
        except TableNotFoundError:
            return None

    def _jump(self, version: int, newest: int) -> Step:
        table = self._open(newest)
        if table is None:
            raise RetryLater(f"the training table {self.uri} cannot be read: bring its store back", delay_s=2.0)
        files = files_of(table)
        self._before = (newest, files)
        if version < 0:
            return Step(newest, table, added=tuple(files.values()))
        _log.error(
            "label time goes on at version %d of %s: its log or its files do not go back to %d any more, and rows that "
            "were labelled between are not assessed", newest, self.uri, version,
        )  # fmt: skip
        return Step(newest, table, old=tuple(files.values()))


def files_of(table: DeltaTable) -> dict[str, File]:
    """All files of a snapshot, by path."""
    found = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    names = ("partition._kind", "min._event_time", "max._event_time")
    return {file["path"]: File(file["path"], *(file.get(name) for name in names)) for file in found}


@contextmanager
def may_be_away(uri: str) -> Iterator[None]:
    """Turns what a store that is away says into `RetryLater`; that there is no table is passed on."""
    try:
        yield
    except TableNotFoundError:
        raise
    except FileNotFoundError as error:
        raise FilesGone(str(_away(uri, error)), delay_s=2.0) from error
    except (OSError, DeltaError) as error:
        raise _away(uri, error) from error


def _away(uri: str, error: Exception) -> RetryLater:
    return RetryLater(
        f"the training table {uri} cannot be read: {error}: bring its store (TIDEMILL_TABLES) back", delay_s=2.0
    )
