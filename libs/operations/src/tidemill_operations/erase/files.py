"""The files behind a training table: those that its newest version does not name any more are taken from the store,
and what its log says of them goes with them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileType, PyFileSystem

from tidemill.stores import write_bytes
from tidemill_learning.data_set.table_rows import OFFSET, PARTITION
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, OBSERVED_AT
from tidemill_operations.broken_writes import YOUNG, broken_off, may_go_on, take_broken_off
from tidemill_operations.erase.records import Wanted
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from tidemill.contracts.model_file import ModelSpec

LOG = "_delta_log"
HARMLESS = frozenset({EVENT_TIME, OBSERVED_AT, OFFSET, PARTITION})
"""Columns whose least and greatest value in a file may stay in the log: label time finds its way by them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Files that are gone from the store, and entries of the log that name no values of theirs any more."""

    files: int
    entries: int


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that no commit names, and that may hold rows of the entity. `until`: it is taken from then on."""

    path: str
    until: datetime


def take_old_files(table: DeltaTable) -> Taken:
    """Take from the store all that is in no row of the newest version: files that commits have removed, at once; those
    that no commit has ever named, and those that were not written to their end, once they are a day old. Safe beside
    writers; older versions of the table can be read no more. Can be run again after an interruption.
    """
    before, broken = _stored(table).keys(), len(take_broken_off(table.table_uri))
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    hours = YOUNG // timedelta(hours=1)
    table.vacuum(retention_hours=hours, enforce_retention_duration=False, dry_run=False, full=True)
    table.update_incremental()
    return Taken(len(before - _stored(table).keys()) + broken, redact(table))


def old_files(table: DeltaTable) -> int:
    """How many files `take_old_files` would take."""
    removed = table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=True)
    return len(_stored(table).keys() & set(removed)) + len(broken_off(table.table_uri))


def leftovers(table: DeltaTable, spec: ModelSpec, wanted: Wanted) -> list[Leftover]:
    """Files that no commit names and that are too young to be taken, with rows of the entity in them, or unreadable:
    whatever was not written to its end is.
    """
    store, known = store_of(table), _named(table)
    found = [
        Leftover(path, since + YOUNG)
        for path, since in _stored(table).items()
        if path not in known and _may_hold(store, path, spec, wanted)
    ]
    table.update_incremental()
    found = [one for one in found if one.path not in _named(table)]  # its writer may have committed it meanwhile
    return found + [Leftover(path, since + YOUNG) for path, since in may_go_on(table.table_uri).items()]


def _may_hold(store: PyFileSystem, path: str, spec: ModelSpec, wanted: Wanted) -> bool:
    try:
        with store.open_input_file(path) as file:
            rows = pq.ParquetFile(file).read(columns=[spec.entity, EVENT_ID])
    except FileNotFoundError:
        return False
    except (pa.ArrowInvalid, OSError):
        return True  # a writer is at it, or was killed at it
    looks = {spec.entity: wanted.entities, EVENT_ID: wanted.events}
    return any(
        bool(look(batch.column(name)).any())
        for batch in rows.to_batches()
        for name, look in looks.items()
        if name in batch.schema.names
    )


def redact(table: DeltaTable) -> int:
    """Leave out of the log what files that are gone held: the least and the greatest value of each column. All else
    stays, so that every reader and writer goes on, however old the version that it holds. Gives how many entries.
    """
    store, named = store_of(table), _named(table) | _stored(table).keys()
    count = 0
    for info in store.get_file_info(FileSelector(LOG)):
        name = info.path.rpartition("/")[2]
        if name.endswith(".json"):
            count += _redact_commit(table, store, f"{LOG}/{name}", named)
        elif name.endswith(".checkpoint.parquet"):
            count += _redact_checkpoint(table, store, f"{LOG}/{name}", named)
    return count


def _redact_commit(table: DeltaTable, store: PyFileSystem, path: str, named: set[str]) -> int:
    with store.open_input_stream(path) as file:
        lines = file.read().decode().split("\n")
    told = [_redacted_line(line, named) for line in lines]
    count = [before != after for before, after in zip(lines, told, strict=True)].count(True)
    if count:
        write_bytes(f"{table.table_uri.rstrip('/')}/{path}", "\n".join(told).encode())
    return count


def _redacted_line(line: str, named: set[str]) -> str:
    entry = json.loads(line) if '"add"' in line else {}
    add = entry.get("add")
    if not add or add["path"] in named:
        return line
    stats = harmless_stats(add.get("stats"))
    if stats == add.get("stats"):
        return line
    told = json.dumps(entry | {"add": add | {"stats": stats}}, separators=(",", ":"), ensure_ascii=False)
    return told + " " * (len(line.encode()) - len(told.encode()))  # of the same size, as `of_size` says


def _redact_checkpoint(table: DeltaTable, store: PyFileSystem, path: str, named: set[str]) -> int:
    with store.open_input_file(path) as file:
        rows = pq.ParquetFile(file).read().combine_chunks()
    adds = rows.column("add").combine_chunks()
    fields = {field.name: adds.field(field.name) for field in adds.type}
    before = pc.struct_field(adds, "stats").to_pylist()
    paths = pc.struct_field(adds, "path").to_pylist()
    after = [s if p is None or p in named else harmless_stats(s) for p, s in zip(paths, before, strict=True)]
    if before == after:
        return 0
    fields["stats"] = pa.array(after, adds.type.field("stats").type)
    made = pa.StructArray.from_arrays(list(fields.values()), fields=list(adds.type), mask=adds.is_null())
    at = rows.schema.get_field_index("add")
    written = pa.BufferOutputStream()
    pq.write_table(
        rows.set_column(at, rows.schema.field(at), made), written,
        compression="zstd", compression_level=15, write_statistics=False, store_schema=False,
    )  # fmt: skip
    data = of_size(written.getvalue().to_pybytes(), store.get_file_info(path).size)
    write_bytes(f"{table.table_uri.rstrip('/')}/{path}", data)
    return sum(one != other for one, other in zip(before, after, strict=True))


def of_size(parquet: bytes, size: int) -> bytes:
    """The same file of Parquet with so many bytes, by nothing between rows and footer: who holds a version of the table
    knows the sizes of its log's files, and looks for the footer by them. Raises NotPossible where it is larger.
    """
    if len(parquet) > size:
        raise NotPossible(
            f"a checkpoint of the log cannot be written anew in its {size:,} bytes: stop whatever holds the table, "
            "delete the checkpoints before the newest one in its _delta_log, and run it again"
        )
    footer = int.from_bytes(parquet[-8:-4], "little") + 8
    return parquet[:-footer] + bytes(size - len(parquet)) + parquet[-footer:]


def harmless_stats(written: str | None) -> str | None:
    """Statistics of a file, as the log has them, without values of columns that may hold an entity or an event id.

    >>> harmless_stats('{"numRecords":2,"minValues":{"_offset":3,"tail":"N1"},"maxValues":{"tail":"N2"}}')
    '{"numRecords":2,"minValues":{"_offset":3},"maxValues":{}}'
    """
    if written is None:
        return None
    stats: dict[str, Any] = json.loads(written)
    kept = {
        name: {c: v for c, v in value.items() if c in HARMLESS} if name in ("minValues", "maxValues") else value
        for name, value in stats.items()
    }
    return written if kept == stats else json.dumps(kept, separators=(",", ":"))


def _stored(table: DeltaTable) -> dict[str, datetime]:
    """Files of rows in the table's folder, each with the time of its writing."""
    infos = store_of(table).get_file_info(FileSelector("", recursive=True))
    files = {info.path.lstrip("/"): info.mtime or datetime.now(UTC) for info in infos if info.type == FileType.File}
    return {path: at for path, at in files.items() if path.endswith(".parquet") and not path.startswith(LOG)}


def _named(table: DeltaTable) -> set[str]:
    return set(pa.table(table.get_add_actions(flatten=True)).column("path").to_pylist())


def store_of(table: DeltaTable) -> PyFileSystem:
    """The table's folder, by its own store."""
    from deltalake.fs import DeltaStorageHandler

    return PyFileSystem(DeltaStorageHandler(table.table_uri))
