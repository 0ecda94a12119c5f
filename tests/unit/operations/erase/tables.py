"""A training table with one harbour among others, and a look at every byte of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, SCHEMA, SPEC, events, labels
from tidemill_learning.data_set.table_rows import KIND
from tidemill_operations.erase.entity import Forms
from tidemill_operations.erase.records import Wanted
from tidemill_trainer.collect.training_table import CHECKPOINT_EVERY, STATISTICS, TrainingTable

HARBOUR = "Harbour-of-Saint-Malo"
OURS = (2, 3, 11)
"""Events of the harbour, by number."""


def wanted() -> Wanted:
    """Everything of the harbour."""
    return Wanted(Forms(frozenset({HARBOUR})))


def harbour_events(first: int, count: int, ours: Sequence[int] = OURS) -> pa.Table:
    """Events, of which `ours` are the harbour's; their ids tell whose they are, as ids do."""
    rows = events(first, count)
    numbers = range(first, first + count)
    gauges = [HARBOUR if n in ours else f"Other-{n % 3}" for n in numbers]
    at = rows.schema.get_field_index("gauge")
    return _named(rows.set_column(at, rows.schema.field(at), pa.array(gauges)), numbers, ours)


def harbour_labels(first: int, count: int, ours: Sequence[int] = OURS) -> pa.Table:
    """The labels of these events."""
    return _named(labels(first, count), range(first, first + count), ours)


def _named(rows: pa.Table, numbers: Sequence[int], ours: Sequence[int]) -> pa.Table:
    at = rows.schema.get_field_index("_event_id")
    names = [f"{HARBOUR}-{n}" if n in ours else f"e{n}" for n in numbers]
    return rows.set_column(at, rows.schema.field(at), pa.array(names))


def filled(folder: Path, commits: int = 4, rows: int = 4) -> TrainingTable:
    """A table at <folder>/tide of a few commits of events and labels. Its log tells the ranges of all columns, names
    among them, as those of before do.
    """
    uri, told = (folder / "tide").as_uri(), {"delta.checkpointInterval": str(CHECKPOINT_EVERY)}
    told |= dict.fromkeys(STATISTICS, ",".join(name for name in SCHEMA.names if name != KIND))
    DeltaTable.create(uri, SCHEMA, partition_by=[KIND], configuration=told)
    table = TrainingTable(uri, SCHEMA, PARTS)
    for k in range(commits):
        first = k * rows
        both = pa.concat_tables([harbour_events(first, rows), harbour_labels(first, rows)])
        table.append(both, {(CLEAN, 0): first + rows, (LABELS, 0): first + rows})
    return table


def files_with(folder: Path, text: str) -> list[str]:
    """Files in whose bytes the text stands; values in parquet files are looked at decoded, too."""
    import pyarrow.parquet as pq

    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        told = path.read_bytes()
        if path.suffix == ".parquet":
            told += str(pq.ParquetFile(path).read().to_pylist()).encode()
        if text.encode() in told:
            found.append(str(path.relative_to(folder)))
    return found


__all__ = ["HARBOUR", "OURS", "SPEC", "files_with", "filled", "harbour_events", "harbour_labels", "wanted"]
