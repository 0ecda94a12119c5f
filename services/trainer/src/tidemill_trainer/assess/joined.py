"""Which rows became labelled by a commit: an event joins its label as soon as both are in the table.

Nothing is remembered between commits: what waits, an event without its label or a label without its event, waits in
the table. An event is newly labelled if it and a label are there after the commit and were not before it; so neither a
restart, nor a correction of a label, nor an event that comes twice gives a row twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from tidemill.contracts.model_file import ModelSpec
from tidemill.rows.features import FeatureLike
from tidemill_learning.data_set.table_rows import KIND, LABELLED, OFFSET, PARTITION, TIME, TOPIC
from tidemill_learning.label_time.change_detector import Place
from tidemill_learning.label_time.loop import LabelledRows
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT, join_labels, to_examples
from tidemill_learning.training.texts import with_short_texts
from tidemill_trainer.assess.table_steps import File, Step, may_be_away

TOLERANCE = timedelta(hours=1)
"""How far the event time that a label names may lie from its event's."""

BATCH_ROWS = 2_048
"""Rows read at a time: few enough that their texts fit into memory even where each is as long as a message may be."""

_PLACE = (TOPIC, PARTITION, OFFSET)


@dataclass(frozen=True, slots=True)
class _Window:
    """Event times among which the other halves of new rows lie."""

    first: datetime
    last: datetime

    def meets(self, file: File) -> bool:
        return file.first is None or file.last is None or (file.first <= self.last and file.last >= self.first)

    @property
    def filter(self) -> pc.Expression:
        time = ds.field(EVENT_TIME)
        return (time >= pa.scalar(self.first, TIME)) & (time <= pa.scalar(self.last, TIME))


def in_label_time(rows: pa.Table, spec: ModelSpec) -> LabelledRows:
    """Newly labelled rows as label time takes them."""
    known = to_examples(rows, (), spec.target.task)
    places = zip(*(rows.column(name).to_pylist() for name in _PLACE), strict=True)
    found = [Place(int(time), *place) for time, place in zip(known.event_time, places, strict=True)]
    return LabelledRows(known.target, np.asarray(known.observed_at, dtype=np.int64), found)


def newly_labelled(step: Step, features: Sequence[FeatureLike]) -> pa.Table:
    """The rows that became labelled by this commit, in label time: by the moment in which the later half was known
    (`_observed_at`, never before `_event_time`), then by event time and event id, as a backtest has them.

    Columns, where there is any row: those of `features`, `_event_id`, `_event_time`, `_topic`, `_partition`, `_offset`,
    `_label`, `_observed_at`. Of two labels in one commit the one observed last counts. Raises `RetryLater` where the
    store is away, `FilesGone` where it is there without a file of the step.
    """
    nothing = pa.table({EVENT_ID: pa.array([], pa.string())})
    if not step.added:
        return nothing
    with may_be_away(step.table.table_uri):
        stored = Stored(step.table)
        new = stored.read(step.added, [KIND, EVENT_ID, EVENT_TIME, LABEL])
        windows = _windows(new)
        near = [file for file in step.old if any(window.meets(file) for window in windows)]
        ids = _complete(stored, near, new, windows)
        return _ordered(_joined(stored, step.added, near, windows, ids, features)) if len(ids) else nothing


class Stored:
    """Files of one snapshot. A dataset of all of them would first turn the statistics of each into an expression."""

    def __init__(self, table: DeltaTable) -> None:
        self._schema = pa.schema(table.schema().to_arrow())
        self._format = ds.ParquetFileFormat()
        self._filesystem = PyFileSystem(DeltaStorageHandler(table.table_uri))

    def read(
        self, files: Iterable[File], columns: list[str], wanted: pc.Expression | None = None,
        features: Sequence[FeatureLike] = (),
    ) -> pa.Table:  # fmt: skip
        """These columns of these files' rows, in batches, with long texts of `features` shortened."""
        chosen = [self._fragment(file) for file in files]
        part = ds.FileSystemDataset(chosen, self._schema, self._format, self._filesystem)
        scanner = part.scanner(
            columns=columns, filter=wanted, batch_size=BATCH_ROWS, batch_readahead=1, fragment_readahead=1,
            use_threads=False,
        )  # fmt: skip
        parts = [with_short_texts(pa.Table.from_batches([batch]), features) for batch in scanner.to_batches()]
        return pa.concat_tables(parts) if parts else scanner.projected_schema.empty_table()

    def _fragment(self, file: File) -> ds.Fragment:
        return self._format.make_fragment(file.path, self._filesystem, ds.field(KIND) == file.kind)


def _windows(new: pa.Table) -> list[_Window]:
    """One around the new events, one around the events of new labels."""
    found = []
    for labels in (False, True):
        is_label = pc.equal(new.column(KIND), LABELLED)
        times = new.filter(is_label if labels else pc.invert(is_label)).column(EVENT_TIME).drop_null()
        if len(times):
            first, last = pc.min(times).as_py(), pc.max(times).as_py()
            found.append(_Window(first - TOLERANCE, last + TOLERANCE))
    return found


def _complete(stored: Stored, near: Sequence[File], new: pa.Table, windows: Sequence[_Window]) -> pa.Array:
    """Ids that have both halves now and had not before."""
    touched = new.column(EVENT_ID).unique()
    wanted = _within(windows) & ds.field(EVENT_ID).isin(touched)
    before = stored.read(near, [KIND, EVENT_ID, EVENT_TIME, LABEL], wanted)
    was, now = _both(before), _both(pa.concat_tables([before, new]))
    return now.filter(pc.invert(pc.is_in(now, value_set=was)))


def _both(rows: pa.Table) -> pa.Array:
    is_label = pc.equal(rows.column(KIND), LABELLED)
    events = rows.filter(pc.invert(is_label))
    ids = events.column(EVENT_ID)
    labels = rows.filter(is_label).column(EVENT_ID)
    known = pc.or_(pc.is_in(ids, value_set=labels.combine_chunks()), pc.is_valid(events.column(LABEL)))
    return ids.filter(known).unique()


def _joined(
    stored: Stored, added: Sequence[File], near: Sequence[File], windows: Sequence[_Window], ids: pa.Array,
    features: Sequence[FeatureLike],
) -> pa.Table:  # fmt: skip
    wanted = ds.field(EVENT_ID).isin(ids)
    own = [KIND, *_PLACE, EVENT_ID, EVENT_TIME, LABEL]
    of_events = [*dict.fromkeys([*own, *(feature.name for feature in features)])]
    events, labels = [], []
    for files, chosen in ((near, wanted & _within(windows)), (added, wanted)):
        events.append(stored.read([f for f in files if f.kind != LABELLED], of_events, chosen, features))
        labels.append(stored.read([f for f in files if f.kind == LABELLED], [*own, OBSERVED_AT], chosen))
    first = pa.concat_tables(events).sort_by([(KIND, "ascending"), (PARTITION, "ascending"), (OFFSET, "ascending")])
    later = pa.concat_tables(labels).sort_by([(PARTITION, "ascending"), (OFFSET, "ascending")])
    return join_labels(first.drop_columns([KIND]), later.select([EVENT_ID, LABEL, OBSERVED_AT]))


def _ordered(rows: pa.Table) -> pa.Table:
    """Where the rows lie, partition and offset, says nothing: it is the same order however a topic is partitioned."""
    observed, happened = rows.column(OBSERVED_AT), rows.column(EVENT_TIME)
    known = pc.if_else(pc.fill_null(pc.less(observed, happened), True), happened, observed)
    rows = rows.set_column(rows.schema.get_field_index(OBSERVED_AT), OBSERVED_AT, known)
    keys = (OBSERVED_AT, EVENT_TIME, EVENT_ID)
    return rows.take(pc.sort_indices(rows.select(list(keys)), sort_keys=[(key, "ascending") for key in keys]))


def _within(windows: Sequence[_Window]) -> pc.Expression:
    found = windows[0].filter
    for window in windows[1:]:
        found = found | window.filter
    return found
