"""Rows of a training table that are an entity's: found, and deleted beside a running *collect*."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tidemill_learning.data_set.table_rows import KIND, LABELLED, OFFSET, PARTITION, TOPIC, TOPIC_ID
from tidemill_learning.training.labelled import EVENT_ID
from tidemill_operations.erase.files import store_of
from tidemill_operations.erase.positions import Positions
from tidemill_operations.errors import NotPossible
from tidemill_operations.table_files.rewriting import (
    CLASH_DELAY_S,
    MOST_ROUNDS,
    PLACE,
    File,
    Rewritten,
    batches,
    commit,
    files_of,
    written,
)

if TYPE_CHECKING:
    import numpy.typing as npt
    from deltalake import DeltaTable
    from pyarrow.fs import PyFileSystem

    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.erase.records import Wanted


def find_rows(table: DeltaTable, spec: ModelSpec, wanted: Wanted) -> Positions:
    """All rows of the entity in a snapshot; the ids of its events are added to what is wanted."""
    store, files = store_of(table), sorted(files_of(table), key=_events_first)
    found = Positions()
    for file in files:
        for batch in batches(store, file, (spec.entity, EVENT_ID, *PLACE)):
            own = _own(batch, file.kind, spec, wanted)
            for row in batch.filter(pa.array(own)).to_pylist():
                found.add((row[TOPIC], row[PARTITION], row.get(TOPIC_ID) or ""), (row[OFFSET],))
    return found


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
            commit(table, changes)
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
            known[file.path] = _rewritten(table, store, file, spec, wanted)
            if len(wanted.ids) > before:  # labels of these events may be in files that were read
                for path in [path for path in known if f"{KIND}={LABELLED}/" in path]:
                    del known[path]
        if (made := known[file.path]) is not None:
            found.append(made)
    return found


def _rewritten(table: DeltaTable, store: PyFileSystem, file: File, spec: ModelSpec, wanted: Wanted) -> Rewritten | None:
    """Write the file without the entity's rows beside it; None where it has none."""
    if not any(_own(batch, file.kind, spec, wanted).any() for batch in batches(store, file, (spec.entity, EVENT_ID))):
        return None
    gone, kept = 0, []
    for batch in batches(store, file):
        own = _own(batch, file.kind, spec, wanted)
        gone += int(own.sum())
        kept.append(batch.filter(pa.array(~own)))
    rows = pa.Table.from_batches(kept)
    return Rewritten(file, gone, written(table, file.kind, rows) if rows.num_rows else None)


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
