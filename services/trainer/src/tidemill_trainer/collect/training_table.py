"""The training table on Delta Lake: rows go in exactly once.

A commit carries, beside the rows, one application transaction per partition with the offset that comes next. These do
not make an append idempotent by themselves, so the order is: load a snapshot, read each partition's version, trim what
is in already, append on that very handle. Only then does a second writer's commit clash with ours; on a clash the
snapshot is loaded and the rows are trimmed again. What those transactions are called, and how they tell a topic that
was made anew from the one before: `table_ends`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from tidemill.errors import RetryLater
from tidemill_learning.data_set.table_rows import KIND, OFFSET, PARTITION, after
from tidemill_learning.training.labelled import EVENT_TIME, LABEL, OBSERVED_AT
from tidemill_trainer.collect.table_ends import NO_IDS, Ends, committed_ends, last_of, transactions

_log = logging.getLogger(__name__)

CHECKPOINT_EVERY = 50
"""Commits; keeps the log that a reader must replay short."""

STATISTICS = {"delta.dataSkippingStatsColumns": ",".join((EVENT_TIME, OBSERVED_AT, LABEL, PARTITION, OFFSET))}
"""Of which columns the log keeps the range in each file: those that readers choose files by. Every reader holds them
for all files; of all columns of a wide record they were most of its memory.
"""
MAX_CLASHES = 8

STORE_SAYS = ("os error", "Generic ", "Object at location", "No space left", "Parquet error")
"""What errors of a store (of the crate object_store) say, and others of Delta Lake do not; the last one also where an
erasure wrote a checkpoint of the log anew between two reads of ours: the next try reads all of the new one.
"""

STORE_DELAY_S = 2.0

COMPACT_TO_BYTES = 64 << 20
"""Bounds the memory that compaction takes."""


@dataclass(frozen=True, slots=True)
class KindCount:
    """What the log knows of one kind of rows, without reading any: rows, those with a label, files, newest
    event.
    """

    rows: int = 0
    labelled: int = 0
    files: int = 0
    newest_ms: int | None = None


class TrainingTable:
    """One model's table. One thread writes through a handle; other processes may write and read."""

    def __init__(self, uri: str, schema: pa.Schema, partitions: Iterable[tuple[str, int]]) -> None:
        """Open or create the table; columns that the record has gained are added. Raises `RetryLater` where its store
        is full or away.
        """
        self._schema = schema
        self._partitions = tuple(partitions)
        self._restarted: Ends = {}
        with _store_may_fail():
            self._table = DeltaTable.create(
                uri, schema, mode="ignore", partition_by=[KIND],
                configuration={"delta.checkpointInterval": str(CHECKPOINT_EVERY)} | STATISTICS,
            )  # fmt: skip
            self._add_new_columns()
            self._keep_statistics()

    @property
    def version(self) -> int:
        """Version of the snapshot that this handle holds."""
        return int(self._table.version())

    def ends(self, ids: Mapping[str, str] = NO_IDS) -> Ends:
        """For each partition that has any rows behind it, the offset that comes next; from the
        snapshot held. `ids` of topics: rows of these very topics.
        """
        with _store_may_fail("read"):
            return committed_ends(self._table, self._partitions, ids) | self._restarted

    def end(self, partition: tuple[str, int], topic_id: str = "") -> int | None:
        """The offset that comes next in this partition, as `ends` has it; None where there are no rows of it."""
        with _store_may_fail("read"):
            known = committed_ends(self._table, [partition], {partition[0]: topic_id})
        return self._restarted.get(partition, known.get(partition))

    def keeps_id(self, partition: tuple[str, int]) -> bool:
        """Whether the snapshot held knows of which topic its rows of this partition are."""
        with _store_may_fail("read"):
            return last_of(self._table, partition) is not None

    def restart(self, partition: tuple[str, int], at: int) -> None:
        """Take rows of this partition from `at` on, whatever end is committed, until its next commit: its log has
        lost its end, or is another one that has no id.
        """
        self._restarted[partition] = at

    @property
    def partitions(self) -> tuple[tuple[str, int], ...]:
        """Topic and number of each partition of which rows come in."""
        return self._partitions

    def add_partitions(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Rows of these partitions come in from now on, too."""
        self._partitions = tuple(dict.fromkeys((*self._partitions, *partitions)))

    def follow(self, before: TrainingTable) -> None:
        """Go on where another handle of the same table has ended. Raises RetryLater."""
        self._restarted.update(before._restarted)
        self.reload()

    def reload(self) -> None:
        """Take the newest snapshot."""
        self._table.update_incremental()

    def append(self, rows: pa.Table, ends: Mapping[tuple[str, int], int], ids: Mapping[str, str] = NO_IDS) -> pa.Table:
        """Append the rows that are not in yet and move the partitions to `ends`, in one commit. Gives what
        went in. `ids`: of the topics that the rows were read from.

        Raises `RetryLater` where others win the race again and again, or the store is away.
        """
        for _ in range(MAX_CLASHES):
            known = self.ends(ids)
            fresh = after(rows, known)
            moved = {partition: end for partition, end in ends.items() if end > known.get(partition, -1)}
            if not fresh.num_rows:
                return fresh
            try:
                with _store_may_fail():
                    self._commit(fresh, moved, ids)
                self._restarted = {p: at for p, at in self._restarted.items() if p not in moved}
                return fresh
            except CommitFailedError:
                with _store_may_fail():
                    self.reload()
        raise RetryLater("the training table is written by others all the time")

    def counts(self) -> dict[str, KindCount]:
        """Per kind what the log knows; from the snapshot held. Raises `RetryLater` where the store is away."""
        found: dict[str, KindCount] = {}
        with _store_may_fail("read"):
            files = _files(self._table)
        for file in files:
            old = found.get(file["partition._kind"], KindCount())
            rows = int(file["num_records"])
            nulls = file.get("null_count._label")
            found[file["partition._kind"]] = KindCount(
                rows=old.rows + rows,
                labelled=old.labelled + rows - int(nulls if nulls is not None else rows),
                files=old.files + 1,
                newest_ms=max(
                    (t for t in (old.newest_ms, _ms(file.get("max._event_time"))) if t is not None),
                    default=None,
                ),
            )
        return found

    def compact(self) -> None:
        """Put small files together; rows and offsets stay what they are. Where another writer (an erasure) has taken
        files away meanwhile, all stays as it is until the next time. Raises `RetryLater` as `append`.
        """
        try:
            with _store_may_fail():
                self._table.optimize.compact(target_size=COMPACT_TO_BYTES, max_concurrent_tasks=1)
        except CommitFailedError:
            with _store_may_fail():
                self.reload()

    def column(self, kind: str, name: str) -> pa.ChunkedArray:
        """One column of one kind of rows, from the snapshot held. Raises `RetryLater` where the store is away."""
        import pyarrow.dataset as ds

        with _store_may_fail("read"):
            return self._table.to_pyarrow_dataset().to_table(columns=[name], filter=ds.field(KIND) == kind).column(name)

    def _commit(self, rows: pa.Table, moved: Ends, ids: Mapping[str, str]) -> None:
        said = CommitProperties(app_transactions=transactions(moved, ids))
        write_deltalake(self._table, rows, mode="append", commit_properties=said)

    def _add_new_columns(self) -> None:
        known = {field.name for field in self._table.schema().fields}
        missing = [field for field in self._schema if field.name not in known]
        if missing:
            from deltalake import Schema

            self._table.alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)
            self.reload()

    def _keep_statistics(self) -> None:
        """For a table of before, too, unless somebody has said of it what its log shall keep. Where another writer has
        committed meanwhile, that is left to the next start: it is about memory alone.
        """
        if STATISTICS.keys() <= self._table.metadata().configuration.keys():
            return
        try:
            self._table.alter.set_table_properties(STATISTICS)
        except CommitFailedError as error:
            _log.info("the table keeps the ranges of all columns until the next start: %s", error)
        self.reload()


@contextmanager
def _store_may_fail(done: str = "written") -> Iterator[None]:
    """What the store says, a full disk among it, reaches us as `OSError` or, wrapped by Delta Lake, as its own bare
    error; that passes, and nothing is committed by it. Its other errors are the table's, and passed on.
    """
    try:
        yield
    except OSError as error:
        raise _not_now(error, done) from error
    except DeltaError as error:
        if not _of_store(error):
            raise
        raise _not_now(error, done) from error


def _of_store(error: DeltaError) -> bool:
    if type(error) is TableNotFoundError:  # there is none yet, and no room for one
        return "Could not create local directory" in str(error)
    return type(error) is DeltaError and any(word in str(error) for word in STORE_SAYS)


def _not_now(error: Exception, done: str) -> RetryLater:
    said = f"the training table cannot be {done}: {error}: make room in its store (TIDEMILL_TABLES), or bring it back"
    return RetryLater(said, delay_s=STORE_DELAY_S)


def _files(table: DeltaTable) -> list[dict[str, Any]]:
    return list(pa.table(table.get_add_actions(flatten=True)).to_pylist())


def _ms(value: datetime | None) -> int | None:
    return None if value is None else int(value.timestamp() * 1000)
