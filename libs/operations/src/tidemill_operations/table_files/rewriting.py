"""Files of a training table that are written anew without some of their rows, beside a running *collect*.

It is done here and not by Delta Lake's own DELETE, which writes texts in a type that pyarrow cannot filter
(`string_view`), and the condition into the log. A commit of ours lands on the very version that it was made for, or not
at all: Delta Lake does not see that a compaction has moved what we take away.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tidemill.stores import write_bytes
from tidemill_learning.data_set.table_rows import KIND, OFFSET, PARTITION, TOPIC, TOPIC_ID
from tidemill_operations.table_files.statistics import statistics

if TYPE_CHECKING:
    from deltalake import DeltaTable, Transaction
    from deltalake.transaction import AddAction
    from pyarrow.fs import PyFileSystem

MOST_ROUNDS = 100
"""So often a commit is tried that others are faster than."""
CLASH_DELAY_S = 0.02
BATCH_ROWS = 8_192
PLACE = (TOPIC, PARTITION, OFFSET, TOPIC_ID)
"""Columns that say where a row came from."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a snapshot."""

    path: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What stands for a file once rows are out of it. `add`: None where no row is left."""

    file: File
    rows: int
    add: AddAction | None


def files_of(table: DeltaTable) -> list[File]:
    """All files of a snapshot."""
    rows = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [File(row["path"], row[f"partition.{KIND}"], row["size_bytes"]) for row in rows]


def written(table: DeltaTable, kind: str, rows: pa.Table) -> AddAction:
    """Write rows of one kind into a file that no commit names yet. The log is to say of it what the table asks for."""
    from deltalake.transaction import AddAction

    out = pa.BufferOutputStream()
    pq.write_table(rows, out, compression="zstd")
    data = out.getvalue().to_pybytes()
    path = f"{KIND}={kind}/part-00000-{uuid.uuid4()}-c000.zstd.parquet"
    write_bytes(f"{table.table_uri.rstrip('/')}/{path}", data)
    told = json.dumps(
        statistics(rows.select(_told(table, rows.column_names))), ensure_ascii=False
    )  # of two escapes for one character deltalake makes another
    return AddAction(path, len(data), {KIND: kind}, time.time_ns() // 1_000_000, True, told)


def _told(table: DeltaTable, names: Sequence[str]) -> list[str]:
    """Those of these columns whose ranges the log of this table keeps: all, where nobody has said which."""
    said = table.metadata().configuration.get("delta.dataSkippingStatsColumns")
    wanted = names if said is None else [name.strip(" `") for name in said.split(",")]
    return [name for name in names if name in wanted]


def commit(table: DeltaTable, changes: Sequence[Rewritten], said: Sequence[Transaction] = ()) -> None:
    """On the very version that was read: without another try, which would be blind to compactions. `said`: what else
    the commit says. Raises DeltaError where another writer was faster.
    """
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
    alone = CommitProperties(app_transactions=list(said), max_commit_retries=0)
    table.create_write_transaction([*removes, *adds], "append", table.schema(), [KIND], commit_properties=alone)


def batches(store: PyFileSystem, file: File, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
    """A file's rows, texts as plain ones whoever has written them."""
    with store.open_input_file(file.path) as opened:
        parquet = pq.ParquetFile(opened)
        names = None if columns is None else [name for name in columns if name in parquet.schema_arrow.names]
        for batch in parquet.iter_batches(BATCH_ROWS, columns=names):
            yield batch.cast(pa.schema([field.with_type(_without_view(field.type)) for field in batch.schema]))


def _without_view(kind: pa.DataType) -> pa.DataType:
    views = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    return views.get(kind, kind)
