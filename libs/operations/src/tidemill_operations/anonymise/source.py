"""The rows that are copied: the newest events of a model's training table, each once, and all labels of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_learning.data_set.table_rows import EVENT, KIND, LABELLED, OFFSET, PARTITION, REST, TIME
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT, newest
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from deltalake import DeltaTable

Told = Callable[[str, int, int], None]
PLACE = (KIND, PARTITION, OFFSET)
BATCH_ROWS = 8_192


@dataclass(frozen=True, slots=True)
class Source:
    """`events`: the record's fields beside `_event_id`; `labels`: `_event_id`, `_event_time`, `_observed_at`,
    `_label`. Of the table's rows: `older` events were not wanted, `repeats` are of an event that is there,
    `labels_of_others` are of events that are not copied.
    """

    events: pa.Table
    labels: pa.Table
    version: int
    older: int
    repeats: int
    labels_of_others: int


def read_source(uri: str, fields: Sequence[pa.Field], count: int | None, since_ms: int | None, told: Told) -> Source:
    """The `count` newest events since `since_ms`; None: all. Of an event that came twice the first counts, and the
    stream before REST, as when a version is made.

    Raises NotPossible where there is no such event, or the table's store is away.
    """
    with _store(uri):
        table = _open(uri)
        told("looking for the newest events", 0, 1)
        known = _read(table, (EVENT_ID, EVENT_TIME), _events(None))
        first = _first_time(known, count, since_ms)
        told("reading events", 0, 1)
        rows = _read(table, (EVENT_ID, EVENT_TIME, *(field.name for field in fields)), _events(first))
        once = _once(rows)
        events = once if count is None else newest(once, count)
        if not events.num_rows:
            raise NotPossible(f"{uri} has no such event: push events, or reach back further with --since and --newest")
        told("reading labels", 0, 1)
        labels = _read(table, (EVENT_ID, EVENT_TIME, OBSERVED_AT, LABEL), pc.field(KIND) == LABELLED)
    own = labels.filter(pc.is_in(labels.column(EVENT_ID), value_set=events.column(EVENT_ID).combine_chunks()))
    shaped = _shaped(events, [pa.field(EVENT_ID, pa.string()), *fields])
    return Source(
        shaped, own.drop_columns(list(PLACE)), int(table.version()),
        older=known.num_rows - rows.num_rows + once.num_rows - events.num_rows,
        repeats=rows.num_rows - once.num_rows, labels_of_others=labels.num_rows - own.num_rows,
    )  # fmt: skip


def _events(first: int | None) -> pc.Expression:
    """Of the table's rows the events from `first` (us since the epoch) on."""
    wanted = pc.field(KIND).isin([EVENT, REST])
    return wanted if first is None else wanted & (pc.field(EVENT_TIME) >= pa.scalar(first, TIME))


def _first_time(known: pa.Table, count: int | None, since_ms: int | None) -> int | None:
    """From when on (us) the newest `count` events are, each counted once; no earlier than `since_ms`."""
    since = None if since_ms is None else since_ms * 1_000
    once = _once(known)
    if count is None or once.num_rows <= count:
        return since
    times = np.asarray(once.column(EVENT_TIME).cast(pa.int64()).to_numpy(), dtype=np.int64)
    oldest = int(np.partition(times, -count)[-count])
    return oldest if since is None else max(since, oldest)


def _once(rows: pa.Table) -> pa.Table:
    ordered = rows.sort_by([(name, "ascending") for name in PLACE])
    codes = ordered.column(EVENT_ID).combine_chunks().dictionary_encode().indices
    first = np.unique(np.asarray(codes.fill_null(-1).to_numpy(zero_copy_only=False)), return_index=True)[1]
    return ordered.take(pa.array(np.sort(first)))


def _read(table: DeltaTable, columns: Sequence[str], wanted: pc.Expression) -> pa.Table:
    """These columns and the place of each row, in plain types; one that the table has not is left out."""
    stored = table.to_pyarrow_dataset()
    names = [name for name in dict.fromkeys((*PLACE, *columns)) if name in stored.schema.names]
    scanner = stored.scanner(
        columns=names, filter=wanted, batch_size=BATCH_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
    )
    rows = scanner.to_table()
    plain = pa.schema([field.with_type(_without_view(field.type)) for field in rows.schema])
    return rows.cast(plain).combine_chunks()


def _without_view(kind: pa.DataType) -> pa.DataType:
    texts, blobs = (pa.string_view(), pa.large_string()), (pa.binary_view(), pa.large_binary())
    return pa.string() if kind in texts else pa.binary() if kind in blobs else kind


def _shaped(rows: pa.Table, fields: Sequence[pa.Field]) -> pa.Table:
    """The record's fields in its own types; those that the table does not have yet are null."""
    columns = [
        rows.column(one.name).cast(one.type) if one.name in rows.column_names else pa.nulls(rows.num_rows, one.type)
        for one in fields
    ]
    return pa.table(columns, schema=pa.schema([pa.field(one.name, one.type) for one in fields])).combine_chunks()


def _open(uri: str) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        return DeltaTable(uri)
    except TableNotFoundError:
        raise NotPossible(f"there is no training table at {uri} yet: push events first") from None


@contextmanager
def _store(uri: str) -> Iterator[None]:
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (OSError, DeltaError) as error:
        raise NotPossible(
            f"the training table {uri} cannot be read: {error}: bring its store back (TIDEMILL_TABLES), and try again"
        ) from error
