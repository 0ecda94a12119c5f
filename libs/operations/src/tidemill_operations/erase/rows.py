"""Rows of a training table that are an entity's: found, and deleted beside a running *collect*.

Files are written anew here and not by Delta Lake's own DELETE, which writes texts in a type that pyarrow cannot filter
(`string_view`), and the condition into the log. A commit of ours lands on the very version that it was made for, or not
at all: Delta Lake does not see that a compaction has moved what we take away.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidemill.stores import write_bytes
from tidemill_learning.data_set.table_rows import KIND, LABELLED, OFFSET, PARTITION, TOPIC, TOPIC_ID
from tidemill_learning.training.labelled import EVENT_ID
from tidemill_operations.erase.files import HARMLESS, store_of
from tidemill_operations.erase.positions import Positions
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    import numpy.typing as npt
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction
    from pyarrow.fs import PyFileSystem

    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.erase.records import Wanted

MOST_ROUNDS = 100
BATCH_ROWS = 8_192
CLASH_DELAY_S = 0.02
PLACE = (TOPIC, PARTITION, OFFSET, TOPIC_ID)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a snapshot."""

    path: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What stands for a file once the entity's rows are out. `add`: None where no row is left."""

    file: File
    rows: int
    add: AddAction | None


def find_rows(table: DeltaTable, spec: ModelSpec, wanted: Wanted) -> Positions:
    """All rows of the entity in a snapshot; the ids of its events are added to what is wanted."""
    store, files = store_of(table), sorted(files_of(table), key=_events_first)
    found = Positions()
    for file in files:
        for batch in _batches(store, file, (spec.entity, EVENT_ID, *PLACE)):
            own = _own(batch, file.kind, spec, wanted)
            for row in batch.filter(pa.array(own)).to_pylist():
                found.add((row[TOPIC], row[PARTITION], row.get(TOPIC_ID) or ""), (row[OFFSET],))
    return found


def files_of(table: DeltaTable) -> list[File]:
    """All files of a snapshot."""
    rows = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [File(row["path"], row[f"partition.{KIND}"], row["size_bytes"]) for row in rows]


def delete_rows(uri: str, spec: ModelSpec, wanted: Wanted) -> tuple[int, int]:
    """Delete them, and those that come in meanwhile; gives how many, and the version that holds none. A commit that
    another writer was faster than is made again: only files that are new are read for it.

    Raises NotPossible where others write again and again, or rows of the entity keep coming in.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    deleted = 0
    known: dict[str, Rewritten | None] = {}
    for _ in range(MOST_ROUNDS):
        table = DeltaTable(uri)
        changes = _changes(table, spec, wanted, known)
        if not changes:
            return deleted, int(table.version())
        try:
            _commit(table, changes)
        except DeltaError:
            if DeltaTable(uri).version() == table.version():
                raise
            time.sleep(CLASH_DELAY_S)  # whatever the other writer has written is looked at
            continue
        deleted += sum(one.rows for one in changes)
    raise NotPossible(f"rows of it keep coming into {uri}: end the push of this entity's records, then run it again")


def _changes(table: DeltaTable, spec: ModelSpec, wanted: Wanted, known: dict[str, Rewritten | None]) -> list[Rewritten]:
    """What is to be done with the files of a snapshot; `known` remembers it by path."""
    store = store_of(table)
    found = []
    for file in sorted(files_of(table), key=_events_first):
        if file.path not in known:
            before = len(wanted.ids)
            known[file.path] = _rewritten(table.table_uri, store, file, spec, wanted)
            if len(wanted.ids) > before:  # labels of these events may be in files that were read
                for path in [path for path in known if f"{KIND}={LABELLED}/" in path]:
                    del known[path]
        if (made := known[file.path]) is not None:
            found.append(made)
    return found


def _rewritten(uri: str, store: PyFileSystem, file: File, spec: ModelSpec, wanted: Wanted) -> Rewritten | None:
    """Write the file without the entity's rows beside it; None where it has none."""
    if not any(_own(batch, file.kind, spec, wanted).any() for batch in _batches(store, file, (spec.entity, EVENT_ID))):
        return None
    gone, kept = 0, []
    for batch in _batches(store, file):
        own = _own(batch, file.kind, spec, wanted)
        gone += int(own.sum())
        kept.append(batch.filter(pa.array(~own)))
    rows = pa.Table.from_batches(kept)
    return Rewritten(file, gone, _written(uri, file.kind, rows) if rows.num_rows else None)


def _written(uri: str, kind: str, rows: pa.Table) -> AddAction:
    from deltalake.transaction import AddAction

    out = pa.BufferOutputStream()
    pq.write_table(rows, out, compression="zstd")
    data = out.getvalue().to_pybytes()
    path = f"{KIND}={kind}/part-00000-{uuid.uuid4()}-c000.zstd.parquet"
    write_bytes(f"{uri.rstrip('/')}/{path}", data)
    return AddAction(path, len(data), {KIND: kind}, time.time_ns() // 1_000_000, True, json.dumps(statistics(rows)))


def _commit(table: DeltaTable, changes: list[Rewritten]) -> None:
    """On the very version that was read: without another try, which would be blind to compactions."""
    from deltalake import CommitProperties
    from deltalake.transaction import RemoveAction

    now = time.time_ns() // 1_000_000
    removes = [
        RemoveAction(
            path=one.file.path, data_change=True, deletion_timestamp=now, size=one.file.size,
            partition_values={KIND: one.file.kind},
        )
        for one in changes
    ]  # fmt: skip
    adds = [one.add for one in changes if one.add is not None]
    alone = CommitProperties(max_commit_retries=0)
    table.create_write_transaction([*removes, *adds], "append", table.schema(), [KIND], commit_properties=alone)


def statistics(rows: pa.Table) -> Mapping[str, Any]:
    """Of a file, as the log has them: nulls of each column, and the range of those that name nobody."""
    ranges = {name: pc.min_max(rows.column(name)).as_py() for name in rows.column_names if name in HARMLESS}
    known = {name: one for name, one in ranges.items() if one["min"] is not None}
    return {
        "numRecords": rows.num_rows,
        "minValues": {name: _plain(one["min"]) for name, one in known.items()},
        "maxValues": {name: _plain(one["max"]) for name, one in known.items()},
        "nullCount": {name: rows.column(name).null_count for name in rows.column_names},
    }


def _plain(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value


def _batches(store: PyFileSystem, file: File, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
    """A file's rows, texts as plain ones whoever has written them."""
    with store.open_input_file(file.path) as opened:
        parquet = pq.ParquetFile(opened)
        names = None if columns is None else [name for name in columns if name in parquet.schema_arrow.names]
        for batch in parquet.iter_batches(BATCH_ROWS, columns=names):
            yield batch.cast(pa.schema([field.with_type(_without_view(field.type)) for field in batch.schema]))


def _without_view(kind: pa.DataType) -> pa.DataType:
    views = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    return views.get(kind, kind)


def _own(batch: pa.RecordBatch, kind: str, spec: ModelSpec, wanted: Wanted) -> npt.NDArray[np.bool_]:
    """An event by its entity; by its id only where a rule has left nothing of the entity that would tell whose it is:
    ids may repeat. A label names its event alone. Ids of events are added to what is wanted.
    """
    ids = batch.column(EVENT_ID)
    if kind == LABELLED:
        return wanted.events(ids)
    if spec.entity not in batch.schema.names:
        return np.zeros(len(batch), dtype=np.bool_)
    entities = batch.column(spec.entity)
    own = wanted.entities(entities)
    wanted.ids.update(ids.filter(pa.array(own)).drop_null().to_pylist())
    return own | (wanted.events(ids) & wanted.unknown(entities))


def _events_first(file: File) -> bool:
    return file.kind == LABELLED
