"""Profiles of one partition of one model: the map half of drift detection. Pure: rows in, profiles out.

What is in a profile depends on the three logs (clean, predictions, labels) alone, never on batches,
interleaving, restarts or the wall clock. Features and predictions need no more than the window rule; labels
are joined by the rule in `join`. `commits` says from where each log must be read again to rebuild what is
open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.ids import deterministic_id
from tidemill_learning.drift.folds import FeatureFold, ScoreFold
from tidemill_learning.drift.join import MAX_LABELS, LabelJoin, LabelWindow
from tidemill_learning.drift.orphans import OrphanWatch
from tidemill_learning.drift.outcomes import error_profile, outputs_of, score_of
from tidemill_learning.drift.rivals import comparisons, rivals_of
from tidemill_learning.drift.windows import NEVER, Log, Place, WindowRule

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

Role = Literal["clean", "predictions", "labels"]
KINDS: Mapping[Role, str] = {"clean": "features", "predictions": "predictions", "labels": "quality"}
LEAST_WAIT = timedelta(hours=1)
"""A label waits at least so long (in event time) for its prediction: records of a partition are not quite
in order.
"""

Longs = NDArray[np.int64]
Profile = dict[str, Any]
Fold = TypeVar("Fold")


class PartitionProfiler:
    """Folds one partition into profiles (data of schemas/profile.avsc).

    `topics` gives the topic's name per role. Records of a role must come in offset order, from where
    `resume` (or offset 0) says; a role's records may come in any number of calls, and roles in any order.
    """

    def __init__(self, spec: ModelSpec, partition: int, topics: Mapping[Role, str]) -> None:
        self._spec = spec
        self._partition = partition
        self._topics = topics
        self._rule = WindowRule.of(spec.drift.window)
        self._logs: dict[Role, Log] = {role: Log() for role in KINDS}
        self._features: dict[int, FeatureFold] = {}
        self._scores: dict[int, ScoreFold] = {}
        self.join = LabelJoin(_ms(spec.target.expires), _ms(max(spec.target.delay, LEAST_WAIT)))
        self.orphans = OrphanWatch()
        self.late = 0
        self._begun = False

    @property
    def full(self) -> bool:
        """Whether labels should not be read on for now: they wait for predictions."""
        return self.join.open_labels >= MAX_LABELS

    def resume(self, role: Role, place: Place) -> None:
        """Begin a log at a committed place. Call before any of its records. Clean records before it may be read again,
        for their ids alone.
        """
        self._logs[role] = Log(place)
        if role == "labels":
            self.orphans = OrphanWatch(place.labels)

    def clean(self, offsets: Longs, appended: Longs, rows: pa.RecordBatch) -> list[Profile]:
        """Read clean records on: aligned offsets, append times (ms) and decoded rows. Gives profiles that
        are complete now.
        """
        times = np.minimum(_times(rows, self._spec.event_time), appended)
        if not self._begun and offsets[0] > 0:
            self.orphans.know_since(int(times[0]))
        self._begun = True
        self.orphans.events(rows.column(self._spec.event_id).to_pylist(), times.tolist())
        known = int(np.searchsorted(offsets, self._logs["clean"].next_offset))
        offsets, times, rows = offsets[known:], times[known:], rows.slice(known)
        if not len(offsets):
            return []
        before, _ = self._logs["clean"].advance(offsets, times)
        for window, part in self._in_windows("clean", offsets, times, before):
            fold = self._features.setdefault(window, FeatureFold(self._spec.features))
            whole = len(part) == rows.num_rows
            fold.add(offsets[part], times[part], rows if whole else rows.take(pa.array(part)))
        return self._close_features()

    def predictions(self, offsets: Longs, appended: Longs, rows: pa.RecordBatch) -> list[Profile]:
        """Read predictions on; as `clean`."""
        times = np.minimum(_times(rows, "event_time"), appended)
        sources, outputs = rows.column("source").to_pylist(), outputs_of(self._spec.target.task, rows)
        versions, arms = rows.column("version").to_pylist(), rows.column("arm").to_pylist()
        stream = np.array([source == "stream" for source in sources], dtype=np.bool_)
        if not stream.all():
            asked = np.flatnonzero(~stream)
            ids = rows.column("event_id").take(pa.array(asked)).to_pylist()
            self.orphans.events(ids, times[asked].tolist())
        # What REST clients ask may lie anywhere in time: only the stream moves the clock.
        before, after = self._logs["predictions"].advance(offsets, np.where(stream, times, NEVER))
        for window, part in self._in_windows("predictions", offsets, np.where(stream, times, after), before):
            fold = self._scores.setdefault(window, ScoreFold(self._spec.target.task))
            fold.extent.add(offsets[part], times[part])
            for at in part.tolist():
                fold.add((sources[at], versions[at], arms[at]), [score_of(outputs[at])])
        self._wait_for_labels(offsets, times, before, rows, versions, arms, outputs, stream)
        return self._close_scores() + self._close_labels()

    def labels(self, offsets: Longs, appended: Longs, rows: pa.RecordBatch) -> list[Profile]:
        """Read labels on; as `clean`."""
        said = _times(rows, "observed_at")
        times = np.minimum(said, appended)
        about = np.minimum(_times(rows, "event_time"), appended).tolist()
        event_ids, values = rows.column("event_id").to_pylist(), rows.column("label").to_pylist()
        log = self._logs["labels"]
        before, after = log.advance(offsets, times)
        windows, written, late = self._windows("labels", offsets, times, before)
        clocks, observed, positions, said_at = after.tolist(), times.tolist(), offsets.tolist(), said.tolist()
        for at in np.flatnonzero(~late).tolist():  # in the order of offsets: which label is the newest hangs on it
            window = int(windows[at])
            self.join.add_label(
                window, event_ids[at], positions[at], about[at], clocks[at], observed[at], values[at],
                said_at[at], bool(written[at]),
            )  # fmt: skip
        for window in np.unique(windows[~late]).tolist():
            part = np.flatnonzero(~late & (windows == window))
            self.join.windows[window].extent.add(offsets[part], times[part])
        self.orphans.labels(event_ids, about, positions)
        self.join.expire(log.clock)
        return self._close_labels()

    def seal(self, role: Role) -> Profile:
        """Says that the partition has fallen idle: whoever merges windows need not wait for it until it
        speaks again.
        """
        log = self._logs[role]
        open_windows = {
            "clean": [*self._features],
            "predictions": [*self._scores],
            "labels": [*self.join.windows],
        }
        window = min(open_windows[role], default=max(0, self._rule.first_open(log.next_offset, max(log.clock, 0))))
        position = max(0, log.next_offset - 1)
        extent = {"records": 0, "first_offset": position, "last_offset": position}
        times = {"started_at": max(log.clock, 0), "ended_at": max(log.clock, 0)}
        return {**self._profile(role, window, {**extent, **times}, "seal"), "sealed": True}

    def commits(self) -> dict[Role, Place]:
        """Per role the place to commit: reading again from it rebuilds all that is open, and nothing that
        is written.
        """
        features = min((fold.extent.first_offset for fold in self._features.values()), default=None)
        scores = min((fold.extent.first_offset for fold in self._scores.values()), default=None)
        waiting = self.join.needed_prediction()
        needed: dict[Role, int | None] = {
            "clean": features,
            "predictions": min((n for n in (scores, waiting) if n is not None), default=None),
            "labels": self.join.needed_label(),
        }
        places = {role: self._logs[role].low_water(needed[role]) for role in KINDS}
        return places | {"labels": replace(places["labels"], labels=self.orphans.counts)}

    def _in_windows(self, role: Role, offsets: Longs, times: Longs, before: Longs) -> list[tuple[int, Longs]]:
        """The rows of each open window. Left out is what is late, and what a restart reads again of written
        windows.
        """
        windows, written, late = self._windows(role, offsets, times, before)
        rows = np.flatnonzero(~written & ~late)
        windows = windows[rows]
        return [(int(window), rows[windows == window]) for window in np.unique(windows)]

    def _windows(
        self, role: Role, offsets: Longs, times: Longs, before: Longs
    ) -> tuple[Longs, NDArray[np.bool_], NDArray[np.bool_]]:
        """Per record its window, whether that is written already, and whether the record came too late for it."""
        windows = self._rule.windows(offsets, times)
        written = windows < self._logs[role].closed
        late = self._rule.late(windows, before)
        self.late += int((late & ~written).sum())
        return windows, written, late

    def _wait_for_labels(
        self, offsets: Longs, times: Longs, before: Longs, rows: pa.RecordBatch,
        versions: list[int], arms: list[str], outputs: list[Any], stream: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        event_ids, positions = rows.column("event_id").to_pylist(), offsets.tolist()
        event_times, clocks, rivals = times.tolist(), before.tolist(), rivals_of(self._spec.target.task, rows, outputs)
        for at in np.flatnonzero(stream).tolist():
            self.join.add_prediction(
                event_ids[at],
                positions[at],
                event_times[at],
                clocks[at],
                versions[at],
                arms[at],
                outputs[at],
                rivals[at],
            )

    def _first_open(self, role: Role) -> int:
        log = self._logs[role]
        return self._rule.first_open(log.next_offset, log.clock)

    def _close_features(self) -> list[Profile]:
        closed = self._pop_closed("clean", self._features)
        return [{**self._profile("clean", w, f.extent.to_datum()), "features": f.features()} for w, f in closed]

    def _close_scores(self) -> list[Profile]:
        closed = self._pop_closed("predictions", self._scores)
        return [{**self._profile("predictions", w, f.extent.to_datum()), "scores": f.scores()} for w, f in closed]

    def _pop_closed(self, role: Role, folds: dict[int, Fold]) -> list[tuple[int, Fold]]:
        log, first_open = self._logs[role], self._first_open(role)
        log.closed = max(log.closed, first_open)
        return [(window, folds.pop(window)) for window in sorted(w for w in folds if w < first_open)]

    def _close_labels(self) -> list[Profile]:
        log = self._logs["labels"]
        closed = self.join.close(self._first_open("labels"), self._logs["predictions"].clock)
        log.closed = max([log.closed, *(window.number + 1 for window in closed)])
        task = self._spec.target.task
        return [
            {
                **self._profile("labels", w.number, w.extent.to_datum()),
                "errors": self._errors(w),
                "comparisons": comparisons(task, [met for group in w.met.values() for met in group.values()]),
            }
            for w in closed
        ]

    def _errors(self, window: LabelWindow) -> list[dict[str, Any]]:
        return [error_profile(self._spec.target.task, *key, [*window.met[key].values()]) for key in sorted(window.met)]

    def _profile(self, role: Role, window: int, extent: Mapping[str, int], *also: str) -> Profile:
        kind = KINDS[role]
        return {
            "profile_id": deterministic_id("profile", self._spec.name, self._partition, kind, window, *also),
            "model": self._spec.name,
            "partition": self._partition,
            "kind": kind,
            "sealed": False,
            "window": window,
            "topic": self._topics[role],
            **extent,
            "features": [],
            "scores": [],
            "errors": [],
            "comparisons": [],
        }


def _times(rows: pa.RecordBatch, name: str) -> Longs:
    return np.asarray(rows.column(name).cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
