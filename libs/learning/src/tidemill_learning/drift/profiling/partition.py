"""Profiles of one partition of one model: the map half of drift detection. Pure: rows in, profiles out.

What is in a profile depends on the three logs (clean, predictions, labels) alone, never on batches,
interleaving, restarts or the wall clock. Features and predictions need no more than the window rule; labels
are joined by the rule in `join`. What REST clients asked, with their inputs, stands on the predictions log and makes
profiles of its own. `commits` says from where each log must be read again to rebuild what is open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tidemill.contracts.events.profiles import Profile, ProfileKind
from tidemill.contracts.quantities import milliseconds
from tidemill_learning.drift.labels.join import MAX_LABELS, REST_WAIT, LabelJoin
from tidemill_learning.drift.labels.label_window import REST, STREAM, Label, LabelWindow, Source
from tidemill_learning.drift.labels.opening import opened_windows
from tidemill_learning.drift.labels.orphans import OrphanWatch
from tidemill_learning.drift.labels.outcomes import error_profile
from tidemill_learning.drift.labels.paired_arms import comparisons
from tidemill_learning.drift.profiling.clocks import PredictionClocks
from tidemill_learning.drift.profiling.folds import Extent, FeatureFold, ScoreFold, top_categories
from tidemill_learning.drift.profiling.log_values import NO_CONTEXTS, Contexts, Inputs, Said
from tidemill_learning.drift.profiling.profiles import ROLES, Profiles, Role
from tidemill_learning.drift.profiling.windows import LATER, Log, Longs, Part, Place, RestPlace, WindowRule

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

__all__ = ["ROLES", "PartitionProfiler", "Role"]

LEAST_WAIT = timedelta(hours=1)
"""A label waits at least so long (in event time) for its prediction: records of a partition are not quite
in order.
"""

Fold = FeatureFold | ScoreFold
Track = tuple[Source, ProfileKind]
TRACKS: Mapping[Role, tuple[Track, ...]] = {
    "clean": ((STREAM, "features"),),
    "predictions": ((STREAM, "predictions"), (REST, "features"), (REST, "predictions")),
    "labels": ((STREAM, "quality"), (REST, "quality")),
}
"""Of whom, and about what, there are profiles from each log."""


class PartitionProfiler:
    """Folds one partition into profiles.

    `topics` gives the topic's name per role. Records of a role must come in offset order, from where
    `resume` (or offset 0) says; a role's records may come in any number of calls, and roles in any order.
    `contexts` of records are the sampled among their trace contexts, by row; `links` keeps those of a profile.
    """

    def __init__(self, spec: ModelSpec, partition: int, topics: Mapping[Role, str]) -> None:
        self._spec = spec
        self._rule = WindowRule.of(spec.drift.window)
        self._profiles = Profiles(spec.name, partition, topics)
        self._clean, self._labels, self._clocks = Log(), Log(), PredictionClocks()
        self._written_labels: dict[Source, int] = {}
        self._folds: dict[Track, dict[int, Fold]] = {track: {} for tracks in TRACKS.values() for track in tracks}
        self.join = LabelJoin(milliseconds(spec.target.expires), milliseconds(max(spec.target.delay, LEAST_WAIT)))
        self.orphans = OrphanWatch()
        self.late = 0
        self._begun = False
        self._note_written(Place())

    @property
    def full(self) -> bool:
        """Whether labels should not be read on for now: they wait for predictions."""
        return self.join.open_labels >= MAX_LABELS

    @property
    def links(self) -> dict[str, list[bytes]]:
        """The trace contexts of what is in a profile, by its id: to be taken out by whoever writes it."""
        return self._profiles.links

    def resume(self, role: Role, place: Place, topic_id: str = "") -> None:
        """Begin a log at a committed place. Call before any of its records. Clean records before it may be read again,
        for their ids alone. `topic_id`: where the log is of a topic that was made anew.
        """
        if topic_id:
            self._profiles.topic_ids[role] = topic_id
        if role == "clean":
            self._clean = Log(place)
        elif role == "predictions":
            self._clocks = PredictionClocks(place)
        else:
            self._labels = Log(place)
            self.orphans = OrphanWatch(place.labels)
            self._note_written(place)

    def clean(
        self, offsets: Longs, appended: Longs, rows: pa.RecordBatch, contexts: Contexts = NO_CONTEXTS
    ) -> list[Profile]:
        """Read clean records on: aligned offsets, append times (ms) and decoded rows. Gives profiles that
        are complete now.
        """
        times = np.minimum(_times(rows, self._spec.event_time), appended)
        if not self._begun and offsets[0] > 0:
            self.orphans.know_since(int(times[0]))
        self._begun = True
        self.orphans.events(rows.column(self._spec.event_id).to_pylist(), times.tolist())
        known = int(np.searchsorted(offsets, self._clean.next_offset))
        offsets, times, rows = offsets[known:], times[known:], rows.slice(known)
        if not len(offsets):
            return []
        before, _ = self._clean.advance(offsets, times)
        for window, part in self._parts(self._clean, offsets, times, before):
            fold = self._features((STREAM, "features"), window)
            whole = len(part) == rows.num_rows
            fold.add(offsets[part], times[part], rows if whole else rows.take(pa.array(part)))
            fold.extent.link(contexts[at] for at in (part + known).tolist() if at in contexts)
        return self._close((STREAM, "features"), self._clean)

    def predictions(
        self, offsets: Longs, appended: Longs, rows: pa.RecordBatch, contexts: Contexts = NO_CONTEXTS,
        inputs: Inputs | None = None,
    ) -> list[Profile]:  # fmt: skip
        """Read predictions on; as `clean`. `inputs`: of those that REST clients asked for."""
        times = np.minimum(_times(rows, "event_time"), appended)
        said = Said(self._spec.target.task, rows, contexts)
        self.orphans.events(*said.asked(times))
        moments = self._clocks.advance(offsets, times, appended, said.stream)
        for source, log, before in (
            (STREAM, self._clocks.stream, moments.stream),
            (REST, self._clocks.rest, moments.rest),
        ):
            of = np.flatnonzero(said.stream if source == STREAM else ~said.stream)
            for window, part in self._parts(log, offsets[of], times[of], before[of]):
                at = of[part]
                self._add_scores(source, window, offsets[at], times[at], said, at)
                if inputs is not None and source == REST:
                    self._add_inputs(window, offsets, times, inputs, at, contexts)
        for event_id, prediction in said.predictions(offsets, times, moments):
            self.join.add_prediction(event_id, prediction)
        closed = self._close((STREAM, "predictions"), self._clocks.stream)
        for kind in ("features", "predictions"):
            closed += self._close((REST, kind), self._clocks.rest)
        return closed + self._close_labels()

    def labels(
        self, offsets: Longs, appended: Longs, rows: pa.RecordBatch, contexts: Contexts = NO_CONTEXTS
    ) -> list[Profile]:
        """Read labels on; as `clean`."""
        said = _times(rows, "observed_at")
        times = np.minimum(said, appended)
        events_at = np.minimum(_times(rows, "event_time"), appended)
        about = events_at.tolist()
        event_ids, values = rows.column("event_id").to_pylist(), rows.column("label").to_pylist()
        before, after = self._labels.advance(offsets, times)
        windows, written, late = self._labels.windows(self._rule, offsets, times, before)
        self.late += int((late & ~written).sum())
        in_time = ~late
        at_offsets = offsets.tolist()
        labels = map(Label, at_offsets, about, after.tolist(), times.tolist(), said.tolist(), appended.tolist(), values)
        columns = offsets, times, events_at, appended
        opened = opened_windows(self.join, windows, in_time, columns, self._written, contexts)
        add = self.join.add_label
        # In the order of offsets: which label is the newest hangs on it.
        for window, counts, event_id, label in zip(windows.tolist(), in_time.tolist(), event_ids, labels, strict=True):
            if counts:
                add(opened[window], event_id, label)
        self.orphans.labels(event_ids, about, at_offsets)
        self.join.expire(self._labels.clock)
        return self._close_labels()

    def awaits_rest(self) -> bool:
        """Whether windows of labels are complete and wait for nothing but the knowledge that REST clients asked no
        more.
        """
        first_open = self._labels.first_open(self._rule)
        return any(REST in window.awaits and number < first_open for number, window in self.join.windows.items())

    def read_to_end(self, at_ms: int) -> list[Profile]:
        """Take note that every prediction that was appended before `at_ms` (the broker's clock) has been read."""
        self._clocks.read_to_end(at_ms)
        return self._close_labels()

    def seals(self, role: Role) -> list[Profile]:
        """Say that the partition has fallen idle: whoever merges windows need not wait for it until it
        speaks again.
        """
        asked = self._clocks.asked_at != LATER
        return [self._seal(role, track) for track in TRACKS[role] if track[0] == STREAM or asked]

    def commits(self) -> dict[Role, Place]:
        """Per role the place to commit: reading again from it rebuilds all that is open, and nothing that
        is written.
        """
        predictions = [self._first_of(track) for track in TRACKS["predictions"]]
        needed = [n for n in (*predictions, self.join.needed_prediction()) if n is not None]
        labels = self._labels.low_water(self.join.needed_label())
        written = self._written_labels
        return {
            "clean": self._clean.low_water(self._first_of((STREAM, "features"))),
            "predictions": self._clocks.low_water(min(needed, default=None)),
            "labels": Place(
                labels.offset, labels.clock, written[STREAM], self.orphans.to_commit(), RestPlace(window=written[REST])
            ),
        }

    def _parts(self, log: Log, offsets: Longs, times: Longs, before: Longs) -> list[Part]:
        if not len(offsets):
            return []
        parts, late = log.in_windows(self._rule, offsets, times, before)
        self.late += late
        return parts

    def _features(self, track: Track, window: int) -> FeatureFold:
        fold = self._folds[track].setdefault(window, FeatureFold(self._spec.features))
        assert isinstance(fold, FeatureFold)
        return fold

    def _add_scores(self, source: Source, window: int, offsets: Longs, times: Longs, said: Said, at: Longs) -> None:
        fold = self._folds[source, "predictions"].setdefault(window, ScoreFold(self._spec.target.task))
        assert isinstance(fold, ScoreFold)
        fold.extent.add(offsets, times)
        fold.extent.link(said.contexts[row] for row in at.tolist() if row in said.contexts)
        for group, scores in said.scores(at).items():
            fold.add(group, scores)

    def _add_inputs(
        self, window: int, offsets: Longs, times: Longs, inputs: Inputs, at: Longs, contexts: Contexts
    ) -> None:
        known, rows = inputs.of(at)
        if len(known):
            fold = self._features((REST, "features"), window)
            fold.add(offsets[known], times[known], rows)
            fold.extent.link(contexts[row] for row in known.tolist() if row in contexts)

    def _close(self, track: Track, log: Log) -> list[Profile]:
        """The profiles of a track's windows that are over. `log` takes note of it."""
        first_open = log.first_open(self._rule)
        log.closed = max(log.closed, first_open)
        folds = self._folds[track]
        closed = [(window, folds.pop(window)) for window in sorted(w for w in folds if w < first_open)]
        return [self._profiles.of_fold(*track, window, fold) for window, fold in closed]

    def _close_labels(self) -> list[Profile]:
        first_open, profiles = self._labels.first_open(self._rule), []
        for source in self._written_labels:
            for window in self.join.close(source, first_open, self._clocks):
                self._written_labels[source] = max(self._written_labels[source], window.number + 1)
                profiles += self._quality(source, window)
        self._labels.closed = min(self._written_labels.values())
        self.join.forget()
        return profiles

    def _quality(self, source: Source, window: LabelWindow) -> list[Profile]:
        met, task = window.of(source), self._spec.target.task
        if source == REST and not (window.asked and self._clocks.asked_at <= window.appended + REST_WAIT):
            return []  # nobody had asked by then
        errors = [error_profile(task, source, *key, met[key]) for key in sorted(met)]
        compared = comparisons(task, [one for group in met.values() for one in group])
        said = Counter(map(str, window.labels_of(source).values())) if task == "multiclass" else Counter()
        return [self._profiles.of_labels(source, window, errors, compared, top_categories(said)[0])]

    def _seal(self, role: Role, track: Track) -> Profile:
        log = {"clean": self._clean, "labels": self._labels}.get(role)
        if log is None:
            log = self._clocks.stream if track[0] == STREAM else self._clocks.rest
        waiting = [n for n, window in self.join.windows.items() if track[0] in window.awaits]
        first = max(0, self._rule.first_open(log.next_offset, max(log.clock, 0)))
        window = min(waiting if role == "labels" else self._folds[track], default=first)
        extent = Extent()
        extent.first_offset = extent.last_offset = max(0, log.next_offset - 1)
        extent.started_at = extent.ended_at = max(log.clock, 0)
        return self._profiles.seal(role, *track, window, extent)

    def _first_of(self, track: Track) -> int | None:
        return min((fold.extent.first_offset for fold in self._folds[track].values()), default=None)

    def _written(self, window: int) -> frozenset[Source]:
        """The sources for which a window of labels is written."""
        return frozenset(source for source, first in self._written_labels.items() if window < first)

    def _note_written(self, place: Place) -> None:
        """Up to which window labels are written, by source."""
        rest = place.window if place.rest is None else place.rest.window
        self._written_labels = {STREAM: place.window, REST: rest}
        self._labels.closed = min(place.window, rest)


def _times(rows: pa.RecordBatch, name: str) -> Longs:
    return np.asarray(rows.column(name).cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
