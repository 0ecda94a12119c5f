"""Which rows of a training table are older than their retention, file by file: of files that cannot hold any, by what
the log says of them, none is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_learning.data_set.table_rows import KIND, OFFSET, PARTITION, TIME, TOPIC, TOPIC_ID
from tidemill_learning.training.labelled import EVENT_TIME, LABEL
from tidemill_operations.table_files.rewriting import PLACE, File, batches

if TYPE_CHECKING:
    import numpy.typing as npt
    from deltalake import DeltaTable
    from pyarrow.fs import PyFileSystem

Place = tuple[str, int, str]
"""Topic, partition, and the topic's id, empty where it is not known."""

STATISTICS_ROUND_US = 1_000
"""By so much the log may tell the greatest time of a file too early."""
EARLIEST_MS, FARTHEST_MS = -62_135_596_800_000, 1 << 52
"""The year 1, before which nothing was, and what no table tells times beyond."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows whose event was before `before_ms` go. Times after `ahead_ms` are no usable times, and neither is none:
    such rows go where `untimed`, else they stay. Both in ms since the epoch, by the wall clock.
    """

    before_ms: int
    ahead_ms: int
    untimed: bool = False

    @classmethod
    def of(cls, now_ms: int, kept: timedelta, *, untimed: bool = False) -> Cut:
        """Of this moment of the wall clock: a time that lies further ahead than rows are kept would double that."""
        span = kept // timedelta(milliseconds=1)
        return cls(max(now_ms - span, EARLIEST_MS), min(now_ms + span, FARTHEST_MS), untimed)

    def unusable(self, times: pa.Array) -> npt.NDArray[np.bool_]:
        """By row, for a column of event times."""
        ahead = pc.greater(times, pa.scalar(self.ahead_ms * 1_000, TIME))
        return np.asarray(pc.fill_null(ahead, True).to_numpy(zero_copy_only=False), dtype=np.bool_)

    def goes(self, times: pa.Array) -> npt.NDArray[np.bool_]:
        """By row, for a column of event times."""
        old = pc.less(times, pa.scalar(self.before_ms * 1_000, TIME))
        gone = np.asarray(pc.fill_null(old, False).to_numpy(zero_copy_only=False), dtype=np.bool_)
        return gone | self.unusable(times) if self.untimed else gone

    def may_touch(self, file: StatedFile) -> bool:
        """Whether a file may hold a row that goes, or one without a usable time."""
        if file.first_us is None or file.last_us is None or file.untimed is None:
            return True
        ahead = file.last_us + STATISTICS_ROUND_US > self.ahead_ms * 1_000
        return file.first_us < self.before_ms * 1_000 or file.untimed > 0 or ahead


@dataclass(frozen=True, slots=True)
class StatedFile:
    """A file of a snapshot, with what the log says of it: its rows, those with a label, the first and the last event
    time among them in us (None: not known), and how many have none.
    """

    file: File
    rows: int
    labels: int
    first_us: int | None
    last_us: int | None
    untimed: int | None


@dataclass(slots=True)
class Aged:
    """What of some files is too old. `gone`: rows by kind; `labels`: how many of these have one; `oldest_us`: event
    time of the oldest; `places`: the first and the last offset among them; `unusable`: rows without a usable time that
    stay, with the place of one of them.
    """

    gone: dict[str, int] = field(default_factory=dict)
    labels: int = 0
    oldest_us: int | None = None
    places: dict[Place, tuple[int, int]] = field(default_factory=dict)
    unusable: int = 0
    example: str = ""

    @property
    def count(self) -> int:
        """How many rows go."""
        return sum(self.gone.values())

    def add(self, other: Aged) -> None:
        """Take in another file's."""
        for kind, count in other.gone.items():
            self.gone[kind] = self.gone.get(kind, 0) + count
        self.labels += other.labels
        times = [time for time in (self.oldest_us, other.oldest_us) if time is not None]
        self.oldest_us = min(times, default=None)
        for place, (first, last) in other.places.items():
            known = self.places.get(place, (first, last))
            self.places[place] = (min(known[0], first), max(known[1], last))
        self.unusable += other.unusable
        self.example = self.example or other.example


def stated_files(table: DeltaTable) -> list[StatedFile]:
    """All files of a snapshot."""
    actions = pa.table(table.get_add_actions(flatten=True))
    for bound in ("min", "max"):  # a time that no calendar has is a number still
        at = actions.schema.get_field_index(f"{bound}.{EVENT_TIME}")
        if at >= 0:
            whole = actions.column(at).cast(TIME).cast(pa.int64())
            actions = actions.set_column(at, actions.schema.field(at).with_type(pa.int64()), whole)
    return [_stated(row) for row in actions.to_pylist()]


def _stated(row: Mapping[str, Any]) -> StatedFile:
    file = File(row["path"], row[f"partition.{KIND}"], row["size_bytes"])
    rows, unlabelled = row["num_records"], row.get(f"null_count.{LABEL}")
    labels = rows - unlabelled if unlabelled is not None else 0
    first, last = (row.get(f"{bound}.{EVENT_TIME}") for bound in ("min", "max"))
    return StatedFile(file, rows, labels, first, last, row.get(f"null_count.{EVENT_TIME}"))


def aged(store: PyFileSystem, files: Iterable[StatedFile], cut: Cut) -> dict[str, Aged]:
    """By path, what of the files is too old, or without a usable time; a file without either is not named."""
    found = {one.file.path: _aged(store, one.file, cut) for one in files if cut.may_touch(one)}
    return {path: one for path, one in found.items() if one.count or one.unusable}


def _aged(store: PyFileSystem, file: File, cut: Cut) -> Aged:
    found = Aged()
    for batch in batches(store, file, (EVENT_TIME, LABEL, *PLACE)):
        times = batch.column(EVENT_TIME)
        goes = cut.goes(times)
        if goes.any():
            own = batch.filter(pa.array(goes))
            oldest = pc.min(own.column(EVENT_TIME).cast(pa.int64())).as_py()
            labels = own.num_rows - own.column(LABEL).null_count
            found.add(Aged({file.kind: own.num_rows}, labels, oldest, _places(own)))
        if (odd := cut.unusable(times) & ~goes).any():
            row = batch.slice(int(odd.argmax()), 1).select([TOPIC, PARTITION, OFFSET]).to_pylist()[0]
            example = f"{row[TOPIC]}/{row[PARTITION]}/{row[OFFSET]}"
            found.add(Aged(unusable=int(odd.sum()), example=example))
    return found


def _places(rows: pa.RecordBatch) -> dict[Place, tuple[int, int]]:
    keys = [name for name in (TOPIC, PARTITION, TOPIC_ID) if name in rows.schema.names]
    grouped = pa.Table.from_batches([rows]).group_by(keys).aggregate([(OFFSET, "min"), (OFFSET, "max")]).to_pylist()
    return {
        (one[TOPIC], one[PARTITION], one.get(TOPIC_ID) or ""): (one[f"{OFFSET}_min"], one[f"{OFFSET}_max"])
        for one in grouped
    }
