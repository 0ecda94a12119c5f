"""Read a training data set from the table: a version, the offsets behind it, and only the newest rows of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from tidemill.contracts.events import DataSet, OffsetRange
from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT, join_labels, newest
from tidemill_trainer.rows import EVENT, KIND, LABELLED, OFFSET, PARTITION, REST, TIME, TOPIC
from tidemill_trainer.training_table import Ends, committed_ends

SLACK = 1.25
"""Labels read for each labelled row that is wanted: some labels are corrections, or their event was set aside."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """``rows``: the newest labelled rows, oldest first. ``cut_off_ms``: what time it was, on the events' own clock.

    ``start_offsets[p]``: the first offset of clean partition p that is *not* in the data set.
    """

    rows: pa.Table
    data_set: DataSet
    start_offsets: tuple[int, ...]
    cut_off_ms: int


def load_data_set(
    uri: str, spec: ModelSpec, clean_topic: str, partitions: Sequence[tuple[str, int]], version: int | None = None
) -> Loaded:
    """The newest ``training.newest`` labelled rows of the table as it is now (or as it was at ``version``).

    Reads only the columns of features and platform, and only files and rows that can be among the newest.
    Raises ``ValueError`` where there is no labelled row.
    """
    table = DeltaTable(uri, version=version)
    ends = committed_ends(table, partitions)
    since = _since(table, int(spec.training.newest * SLACK))
    events = _read(table, [EVENT, REST], since, _event_columns(spec))
    labels = _read(table, [LABELLED], since, [KIND, TOPIC, PARTITION, OFFSET, EVENT_ID, OBSERVED_AT, LABEL])
    if not events.num_rows:
        raise ValueError("the training table has no events")
    rows = newest(join_labels(_clean_first(events), labels), spec.training.newest)
    if not rows.num_rows:
        raise ValueError("no event in the training table has a label")
    data_set = DataSet(table_uri=uri, table_version=int(table.version()), offsets=_offsets([events, labels], ends))
    return Loaded(rows, data_set, _start_offsets(clean_topic, partitions, ends), _cut_off(events, labels))


def _event_columns(spec: ModelSpec) -> list[str]:
    own = [KIND, TOPIC, PARTITION, OFFSET, EVENT_ID, EVENT_TIME, LABEL]
    return [*own, *(feature.name for feature in spec.features)]


def _since(table: DeltaTable, wanted: int) -> object | None:
    """A time after which at least ``wanted`` labels lie, by the statistics of the files alone; None: from the start."""
    files = [file for file in pa.table(table.get_add_actions(flatten=True)).to_pylist() if _labels_in(file)]
    if any(file.get("max._event_time") is None or file.get("min._event_time") is None for file in files):
        return None
    counted, since = 0, None
    for file in sorted(files, key=lambda file: file["max._event_time"], reverse=True):
        counted += _labels_in(file)
        since = min(since, file["min._event_time"]) if since is not None else file["min._event_time"]
        if counted >= wanted:
            return since
    return None


def _labels_in(file: dict[str, object]) -> int:
    nulls = file.get("null_count._label")
    return int(file["num_records"]) - int(nulls) if nulls is not None else 0  # type: ignore[call-overload, no-any-return]


def _read(table: DeltaTable, kinds: list[str], since: object | None, columns: list[str]) -> pa.Table:
    wanted = ds.field(KIND).isin(kinds)
    if since is not None:
        wanted &= ds.field(EVENT_TIME) >= pa.scalar(since, TIME)
    scanner = table.to_pyarrow_dataset().scanner(
        columns=columns, filter=wanted, batch_size=32_768, batch_readahead=2, fragment_readahead=2, use_threads=False
    )
    return scanner.to_table()


def _clean_first(events: pa.Table) -> pa.Table:
    """An event that came on the stream and over REST counts once, as the stream has it; order is by offset, so that
    the same data set always gives the same rows."""
    keys: list[tuple[str, str]] = [(KIND, "ascending"), (TOPIC, "ascending"), (PARTITION, "ascending"), (OFFSET, "ascending")]
    return events.sort_by(keys)


def _offsets(tables: Iterable[pa.Table], ends: Ends) -> tuple[OffsetRange, ...]:
    """Per partition from the first row that was read to the last one that the version holds."""
    ranges = []
    for table in tables:
        firsts = table.group_by([TOPIC, PARTITION]).aggregate([(OFFSET, "min")])
        for row in firsts.to_pylist():
            topic, number = row[TOPIC], row[PARTITION]
            first = int(row[f"{OFFSET}_min"])
            ranges.append(OffsetRange(topic=topic, partition=number, first=first, last=ends.get((topic, number), first + 1) - 1))
    return tuple(sorted(ranges, key=lambda one: (one.topic, one.partition)))


def _start_offsets(clean_topic: str, partitions: Sequence[tuple[str, int]], ends: Ends) -> tuple[int, ...]:
    return tuple(ends.get((topic, number), 0) for topic, number in sorted(partitions) if topic == clean_topic)


def _cut_off(events: pa.Table, labels: pa.Table) -> int:
    """The latest time that any row knows of: nothing in the data set was known later."""
    times = [pc.max(events.column(EVENT_TIME)).as_py(), pc.max(labels.column(OBSERVED_AT)).as_py()]
    return max(int(time.timestamp() * 1000) for time in times if time is not None)
