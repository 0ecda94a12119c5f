"""Read a training data set from the table: a version, the offsets behind it, and only the newest rows of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from tidemill.contracts.events.platform import DataSet
from tidemill.contracts.model_file import ModelSpec
from tidemill.rows.features import FeatureLike
from tidemill_learning.data_set.labelled_rows import LABEL_COLUMNS, Reach, event_columns, labelled_rows, no_events
from tidemill_learning.data_set.table_rows import OFFSET, PARTITION, ROWS_BEFORE, TOPIC, TOPIC_ID
from tidemill_learning.training.texts import with_short_texts
from tidemill_trainer.collect.lineage import Extents, ids, note, ranges
from tidemill_trainer.collect.table_ends import Ends, committed_ends

SLACK = 1.25
"""Labels read for each labelled row that is wanted: some labels are corrections, or their event was set aside."""

BATCH_ROWS = 2_048
"""Rows read at a time: few enough that their texts fit into memory even where each is as long as a message may be."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`rows`: the newest labelled rows, oldest first. `cut_off_ms`: what time it was, on the events' own clock.

    `start_offsets[p]`: the first offset of clean partition p that is *not* in the data set. `left_out`: ids of events
    that were not wanted and would be in it. `reach`: what of the table was read for it; `topic_ids`: of the topics that
    its rows were read from, as far as they are known.
    """

    rows: pa.Table
    data_set: DataSet
    start_offsets: tuple[int, ...]
    cut_off_ms: int
    left_out: tuple[str, ...]
    reach: Reach
    topic_ids: Mapping[str, str]


def load_data_set(
    uri: str,
    spec: ModelSpec,
    clean_topic: str,
    partitions: Sequence[tuple[str, int]],
    version: int | None = None,
    known_by_ms: int | None = None,
    without: Collection[str] = (),
) -> Loaded:
    """The newest `training.newest` labelled rows of the table as it is now (or as it was at `version`), by event time
    and event id; of those alone whose event and label were known by `known_by_ms`, where that is given, and not of the
    events `without`.

    Reads only the columns of features and platform, and only files and rows that can be among the newest.
    Raises `ValueError` where there is no labelled row, or where files of `version` are gone since.
    """
    try:
        table = DeltaTable(uri, version=version)
    except TableNotFoundError as error:
        raise ValueError(no_events(spec)) from error
    ends = committed_ends(table, partitions)
    extents: Extents = {}
    by = None if known_by_ms is None else datetime.fromtimestamp(known_by_ms / 1_000, tz=UTC)
    since = _microseconds(_since(table, int(spec.training.newest * SLACK), by))
    reach = Reach(_kept_since(table, spec, since), known_by_ms)
    try:
        events = _read(table, reach.events(), event_columns(spec), extents, spec.features)
        labels = _read(table, reach.labels(), LABEL_COLUMNS, extents)
    except FileNotFoundError as error:
        if version is None:
            raise
        raise ValueError(f"rows of version {version} of {uri} are gone since it was asked for: ask again") from error
    found = labelled_rows(spec, events, labels, known_by_ms, without)
    offsets = ranges(table, extents, ends)
    data_set = DataSet(table_uri=uri, table_version=int(table.version()), offsets=offsets)
    starts = _start_offsets(clean_topic, partitions, ends)
    return Loaded(found.rows, data_set, starts, found.cut_off, found.left_out, reach, ids(extents))


def _microseconds(time: datetime | None) -> int | None:
    return None if time is None else (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _kept_since(table: DeltaTable, spec: ModelSpec, since: int | None) -> int | None:
    """Not before the time before which retention has taken rows: topics may have them still, among the same offsets,
    and who makes the version again from there is to read the same rows.
    """
    gone = table.transaction_version(ROWS_BEFORE) if spec.rows_kept is not None else None
    return since if gone is None else max(gone * 1_000, since if since is not None else gone * 1_000)


def _since(table: DeltaTable, wanted: int, by: datetime | None) -> datetime | None:
    """A time after which at least `wanted` labels lie that were known `by` then, by the statistics of the files alone;
    None: from the start.
    """
    files = [file for file in pa.table(table.get_add_actions(flatten=True)).to_pylist() if _labels_in(file)]
    if any(file.get("max._event_time") is None or file.get("min._event_time") is None for file in files):
        return None
    counted = 0
    since: datetime | None = None
    files = [file for file in files if by is None or file["max._event_time"] <= by]
    for file in sorted(files, key=lambda file: file["max._event_time"], reverse=True):
        counted += _labels_in(file)
        since = min(since, file["min._event_time"]) if since is not None else file["min._event_time"]
        if counted >= wanted:
            return since
    return None


def _labels_in(file: dict[str, Any]) -> int:
    nulls = file.get("null_count._label")
    return int(file["num_records"]) - int(nulls) if nulls is not None else 0


def _read(
    table: DeltaTable, wanted: ds.Expression, columns: list[str], extents: Extents,
    features: Sequence[FeatureLike] = (),
) -> pa.Table:  # fmt: skip
    """The wanted rows, in batches; notes in `extents` the offsets of each partition among them. Long texts of
    `features` are shortened batch by batch: a column of them may be larger than memory.
    """
    stored = table.to_pyarrow_dataset()
    place = [name for name in (TOPIC, PARTITION, OFFSET, TOPIC_ID) if name in stored.schema.names]
    read = [*dict.fromkeys([*columns, *place])]
    scanner = stored.scanner(
        columns=read,
        filter=wanted,
        batch_size=BATCH_ROWS,
        batch_readahead=1,
        fragment_readahead=1,
        use_threads=False,
    )
    parts = []
    for batch in scanner.to_batches():
        note(extents, batch)
        parts.append(with_short_texts(pa.Table.from_batches([batch.select(columns)]), features))
    return pa.concat_tables(parts) if parts else scanner.projected_schema.empty_table().select(columns)


def _start_offsets(clean_topic: str, partitions: Sequence[tuple[str, int]], ends: Ends) -> tuple[int, ...]:
    return tuple(ends.get((topic, number), 0) for topic, number in sorted(partitions) if topic == clean_topic)
