"""Takes rows that are too old out of a training table, beside a running *collect*. It may be killed anywhere and run
again: a commit is made whole or not at all.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pyarrow as pa

from tidemill_learning.data_set.table_rows import ROWS_BEFORE
from tidemill_learning.training.labelled import EVENT_TIME
from tidemill_operations.erase.files import store_of
from tidemill_operations.errors import NotPossible
from tidemill_operations.lifecycle.aged import Aged, Cut, StatedFile, aged, stated_files
from tidemill_operations.table_files.rewriting import CLASH_DELAY_S, MOST_ROUNDS, Rewritten, batches, commit, written

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyarrow.fs import PyFileSystem


def delete_aged(uri: str, cut: Cut) -> tuple[Aged, int]:
    """Delete them in one commit, which says too before which time; gives what went, and the version that holds none.
    Where another writer is faster, only files that are new are read again. A table that says a later time, of a
    retention that has been shorter, is told this one.

    Raises NotPossible where others write again and again, DeltaError and OSError where the store is away.
    """
    from deltalake import DeltaTable, Transaction
    from deltalake.exceptions import DeltaError

    known: dict[str, tuple[Aged, Rewritten | None]] = {}
    for _ in range(MOST_ROUNDS):
        table = DeltaTable(uri)
        gone, changes = _changes(table, cut, known)
        said = table.transaction_version(ROWS_BEFORE)
        if not changes and (said is None or said <= cut.before_ms):
            return gone, int(table.version())
        try:
            commit(table, changes, [Transaction(ROWS_BEFORE, cut.before_ms)])
        except DeltaError:
            if DeltaTable(uri).version() == table.version():
                raise
            time.sleep(CLASH_DELAY_S)  # whatever the other writer has written is looked at
            continue
        return gone, int(table.version()) + 1
    raise NotPossible(f"{uri} is written by others all the time: run it again")


def _changes(
    table: DeltaTable, cut: Cut, known: dict[str, tuple[Aged, Rewritten | None]]
) -> tuple[Aged, list[Rewritten]]:
    """What is too old in a snapshot, and what is to be done with its files; `known` remembers both by path."""
    store, total, changes = store_of(table), Aged(), []
    for one in stated_files(table):
        path = one.file.path
        if path not in known:
            found = aged(store, [one], cut).get(path, Aged())
            known[path] = found, _rewritten(table, store, one, cut) if found.count else None
        found, change = known[path]
        total.add(found)
        if change is not None:
            changes.append(change)
    return total, changes


def _rewritten(table: DeltaTable, store: PyFileSystem, one: StatedFile, cut: Cut) -> Rewritten:
    """Write what stays of a file beside it."""
    kept, gone = [], 0
    for batch in batches(store, one.file):
        goes = cut.goes(batch.column(EVENT_TIME))
        gone += int(goes.sum())
        if not goes.all():
            kept.append(batch.filter(pa.array(~goes)))
    return Rewritten(one.file, gone, written(table, one.file.kind, pa.Table.from_batches(kept)) if kept else None)
