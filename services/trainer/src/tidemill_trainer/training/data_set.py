"""Read a training data set from the table: a version, the offsets behind it, and only the newest rows of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from tidemill.contracts.events.platform import DataSet
from tidemill.contracts.model_file import ModelSpec
from tidemill.rows.features import FeatureLike
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT, join_labels, newest
from tidemill_learning.training.texts import with_short_texts
from tidemill_trainer.collect.lineage import Extents, note, ranges
from tidemill_trainer.collect.rows import EVENT, KIND, LABELLED, OFFSET, PARTITION, REST, TIME, TOPIC, TOPIC_ID
from tidemill_trainer.collect.table_ends import Ends, committed_ends

SLACK = 1.25
"""Labels read for each labelled row that is wanted: some labels are corrections, or their event was set aside."""


LABEL_COLUMNS = [KIND, PARTITION, OFFSET, EVENT_ID, OBSERVED_AT, LABEL]

BATCH_ROWS = 2_048
"""Rows read at a time: few enough that their texts fit into memory even where each is as long as a message may be."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`rows`: the newest labelled rows, oldest first. `cut_off_ms`: what time it was, on the events' own clock.

    `start_offsets[p]`: the first offset of clean partition p that is *not* in the data set.
    """

    rows: pa.Table
    data_set: DataSet
    start_offsets: tuple[int, ...]
    cut_off_ms: int


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
    Raises `ValueError` where there is no labelled row.
    """
    try:
        table = DeltaTable(uri, version=version)
    except TableNotFoundError as error:
        raise ValueError(_nothing(spec)) from error
    ends = committed_ends(table, partitions)
    extents: Extents = {}
    by = None if known_by_ms is None else datetime.fromtimestamp(known_by_ms / 1_000, tz=UTC)
    since = _since(table, int(spec.training.newest * SLACK), by)
    events = _read(table, _rows([EVENT, REST], since, EVENT_TIME, by), _event_columns(spec), extents, spec.features)
    labels = _read(table, _rows([LABELLED], since, OBSERVED_AT, by), LABEL_COLUMNS, extents)
    if not events.num_rows:
        raise ValueError(_nothing(spec))
    cut_off = known_by_ms if known_by_ms is not None else _cut_off(events, labels)
    rows = newest(_by_id(join_labels(_in_order(events), _in_order(labels)), without), spec.training.newest)
    if not rows.num_rows:
        raise ValueError(
            f"none of the {events.num_rows:,} events of {spec.name} has a label: push labels with their event ids "
            f"(`tidemill push FILE --model {spec.name} --labels`)"
        )
    offsets = ranges(table, extents, ends)
    data_set = DataSet(table_uri=uri, table_version=int(table.version()), offsets=offsets)
    return Loaded(rows, data_set, _start_offsets(clean_topic, partitions, ends), cut_off)


def _nothing(spec: ModelSpec) -> str:
    return f"there are no events of {spec.name} to learn from yet: push events and their labels, then ask again"


def _event_columns(spec: ModelSpec) -> list[str]:
    own = [KIND, PARTITION, OFFSET, EVENT_ID, EVENT_TIME, LABEL]
    return [*own, *(feature.name for feature in spec.features)]


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


def _rows(kinds: list[str], since: datetime | None, known: str, by: datetime | None) -> ds.Expression:
    """Which rows are wanted: of these kinds, of events `since` then, and whose column `known` lies not after `by`."""
    wanted = ds.field(KIND).isin(kinds)
    if since is not None:
        wanted &= ds.field(EVENT_TIME) >= pa.scalar(since, TIME)
    return wanted if by is None else wanted & (ds.field(known) <= pa.scalar(by, TIME))


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


def _in_order(rows: pa.Table) -> pa.Table:
    """By position, so that the same data set always gives the same rows; an event that came on the stream
    and over REST counts once, as the stream has it, and of two labels observed at the same time the first.
    """
    keys: list[tuple[str, str]] = [(KIND, "ascending"), (PARTITION, "ascending"), (OFFSET, "ascending")]
    order = pc.sort_indices(rows.select([KIND, PARTITION, OFFSET]), sort_keys=keys)
    return rows.drop_columns([KIND, PARTITION, OFFSET]).take(order)


def _by_id(rows: pa.Table, without: Collection[str]) -> pa.Table:
    """By event id, so that rows of one time stand as in a backtest; without those that are not wanted."""
    if without:
        unwanted = pa.array(list(without), pa.string())
        rows = rows.filter(pc.invert(pc.is_in(rows.column(EVENT_ID), value_set=unwanted)))
    return rows.sort_by(EVENT_ID)


def _start_offsets(clean_topic: str, partitions: Sequence[tuple[str, int]], ends: Ends) -> tuple[int, ...]:
    return tuple(ends.get((topic, number), 0) for topic, number in sorted(partitions) if topic == clean_topic)


def _cut_off(events: pa.Table, labels: pa.Table) -> int:
    """The latest time that any row knows of: nothing in the data set was known later."""
    times = [pc.max(events.column(EVENT_TIME)).as_py(), pc.max(labels.column(OBSERVED_AT)).as_py()]
    return max(int(time.timestamp() * 1000) for time in times if time is not None)
