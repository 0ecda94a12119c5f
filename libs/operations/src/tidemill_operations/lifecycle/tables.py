"""Files of training tables that only versions of long ago name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyarrow.fs import FileSelector

from tidemill_learning.data_set.table_rows import ROWS_BEFORE
from tidemill_operations.broken_writes import broken_off, take_broken_off
from tidemill_operations.erase.database import OPEN, database
from tidemill_operations.erase.files import LOG, redact, store_of
from tidemill_operations.errors import NotPossible
from tidemill_operations.references.reading import read_rows, table_uri
from tidemill_operations.table_files.rewriting import files_of

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from tidemill_operations.platform import PlatformView

LEAST = timedelta(days=1)
"""A younger file that no commit names may be about to be committed."""


@dataclass(frozen=True, slots=True)
class OldFiles:
    """Of a model's table. `files`: how many; `kept`: why they stay all the same, empty where they go."""

    model: str
    uri: str
    files: int
    kept: str = ""


def old_files(platform: PlatformView, model: str, age: timedelta, *, apply: bool) -> OldFiles | None:
    """The files that were taken out of the table so long ago, at least a day, and those of that age that no commit
    names or that were not written to their end; with `apply` they are taken from the store. No row goes: what
    compaction has put together stands in newer files. All stay where a run or label time may read one. None where
    there is no table, or nothing of that age.

    Raises NotPossible where the store is away, ConfigError without the database.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    uri, age = table_uri(platform.settings.tables, platform.settings.prefix, model), max(age, LEAST)
    try:
        table = DeltaTable(uri)
        listed, broken = _vacuum(table, age, dry_run=True), take_broken_off(uri, age) if apply else broken_off(uri, age)
        if not listed:
            return OldFiles(model, uri, len(broken)) if broken else None
        if readers := list(_readers(platform, model, table, listed, age)):
            return OldFiles(model, uri, len(listed), "; ".join(readers))
        if apply:
            _vacuum(table, age, dry_run=False)
            if table.transaction_version(ROWS_BEFORE) is not None:  # rows went to be gone, from the log as well
                table.update_incremental()
                redact(table)
    except TableNotFoundError:
        return None
    except (OSError, DeltaError) as error:
        raise NotPossible(f"the training table {uri} cannot be read or written: {error}") from error
    return OldFiles(model, uri, len(listed) + len(broken))


def _vacuum(table: DeltaTable, age: timedelta, *, dry_run: bool) -> set[str]:
    hours = age // timedelta(hours=1)
    listed = table.vacuum(retention_hours=hours, enforce_retention_duration=False, dry_run=dry_run, full=True)
    there = {info.path.lstrip("/") for info in store_of(table).get_file_info(_everything())} if dry_run else set()
    return set(listed) & there


def _everything() -> FileSelector:
    return FileSelector("", recursive=True)


def _readers(platform: PlatformView, model: str, table: DeltaTable, listed: set[str], age: timedelta) -> Iterator[str]:
    """Who may read one of these files: a run, which learns from a fixed version; label time, which goes commit by
    commit, where it stands at a version that names one, or at one from before they were taken out.
    """
    with database(platform) as engine:
        runs = read_rows(engine, "runs", ("run_id", "model", "state"))
        places = read_rows(engine, "label_time", ("model", "table_version"))
    yield from (f"run {r['run_id']} is {r['state']}" for r in runs if r["model"] == model and r["state"] in OPEN)
    for place in places:
        if place["model"] == model and _needs(table, place["table_version"], listed, age):
            yield f"label time stands at version {place['table_version']} still, the newest is {table.version()}"


def _needs(table: DeltaTable, version: int, listed: set[str], age: timedelta) -> bool:
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    if version >= table.version():
        return False
    try:
        before = DeltaTable(table.table_uri, version=max(version, 0))
    except TableNotFoundError:
        return True
    following = store_of(table).get_file_info(f"{LOG}/{version + 1:020d}.json").mtime
    behind = following is None or following < datetime.now(UTC) - age
    return behind or bool(listed & {file.path for file in files_of(before)})
