"""What the records of a predictions log say, and what REST clients had asked, as the profiler takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill_learning.drift.labels.label_window import REST, STREAM, Prediction, Source
from tidemill_learning.drift.labels.outcomes import decisions_of, outputs_of, score_of
from tidemill_learning.drift.labels.paired_arms import rivals_of
from tidemill_learning.drift.profiling.clocks import Moments
from tidemill_learning.drift.profiling.windows import Longs

Contexts = Mapping[int, bytes]
"""The sampled trace contexts of records, by row."""

NO_CONTEXTS: Contexts = {}
ScoreGroup = tuple[str, int, str]
"""Source, version and arm."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The records that REST clients had asked about: `rows` of the model's record, each for the prediction at `at`
    (ascending, shape [rows]).
    """

    at: Longs
    rows: pa.RecordBatch

    def part(self, start: int, stop: int) -> Inputs:
        """Those of a slice of the predictions, whose rows count from `start`."""
        first, last = (int(np.searchsorted(self.at, place)) for place in (start, stop))
        return Inputs(self.at[first:last] - start, self.rows.slice(first, last - first))

    def of(self, predictions: Longs) -> tuple[Longs, pa.RecordBatch]:
        """Those of some predictions (ascending): which have one, and the records."""
        wanted = np.flatnonzero(np.isin(self.at, predictions, assume_unique=True))
        return self.at[wanted], self.rows.take(pa.array(wanted))


class Said:
    """Rows of the prediction record, in Python values. `stream`: whether each is the stream's, shape [n]."""

    def __init__(self, task: str, rows: pa.RecordBatch, contexts: Contexts) -> None:
        self.contexts = contexts
        self._sources: list[str] = rows.column("source").to_pylist()
        self._event_ids: list[str] = rows.column("event_id").to_pylist()
        self._versions: list[int] = rows.column("version").to_pylist()
        self._arms: list[str] = rows.column("arm").to_pylist()
        self._outputs: list[Any] = outputs_of(task, rows)
        self._decided = decisions_of(task, rows)
        self._rivals = rivals_of(task, rows, self._outputs)
        self.stream = np.array([source == STREAM for source in self._sources], dtype=np.bool_)

    def asked(self, times: Longs) -> tuple[list[str], list[int]]:
        """The ids of the events that REST clients asked about, and their times, aligned."""
        rows = np.flatnonzero(~self.stream)
        return [self._event_ids[row] for row in rows.tolist()], times[rows].tolist()

    def scores(self, at: Longs) -> Iterator[tuple[ScoreGroup, list[Any]]]:
        """The scores of some rows, by group, one at a time."""
        for row in at.tolist():
            group = (self._sources[row], self._versions[row], self._arms[row])
            yield group, [score_of(self._outputs[row])]

    def predictions(self, offsets: Longs, times: Longs, moments: Moments) -> Iterator[tuple[str, Prediction]]:
        """What may get labels, by event id."""
        facts = zip(offsets.tolist(), times.tolist(), moments.stream.tolist(), moments.appended.tolist(), strict=True)
        for row, (offset, time, clock, appended) in enumerate(facts):
            source: Source = STREAM if self.stream[row] else REST
            yield (
                self._event_ids[row],
                Prediction(
                    offset, source, time, clock, appended, self._versions[row], self._arms[row], self._outputs[row],
                    self._rivals[row], self.contexts.get(row), decided=self._decided[row],
                ),
            )  # fmt: skip
