"""What the records of a predictions log say, and what REST clients had asked, as the profiler takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill_learning.drift.labels.label_window import STREAM, Prediction, Source
from tidemill_learning.drift.labels.outcomes import decisions_of, outputs_of, score_of
from tidemill_learning.drift.labels.paired_arms import rivals_of
from tidemill_learning.drift.profiling.clocks import Moments
from tidemill_learning.drift.profiling.windows import Longs

Contexts = Mapping[int, bytes]
"""The sampled trace contexts of records, by row."""

NO_CONTEXTS: Contexts = {}
ScoreGroup = tuple[Source, int, str]
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
        sources: list[Source] = rows.column("source").to_pylist()
        self._event_ids: list[str] = rows.column("event_id").to_pylist()
        versions, arms = rows.column("version").to_pylist(), rows.column("arm").to_pylist()
        self._groups: list[ScoreGroup] = list(zip(sources, versions, arms, strict=True))
        self._outputs: list[Any] = outputs_of(task, rows)
        self._decided = decisions_of(task, rows)
        self._rivals = rivals_of(task, rows, self._outputs)
        self._scores = [score_of(output) for output in self._outputs] if task == "multiclass" else self._outputs
        self.stream = np.array([source == STREAM for source in sources], dtype=np.bool_)

    def asked(self, times: Longs) -> tuple[list[str], list[int]]:
        """The ids of the events that REST clients asked about, and their times, aligned."""
        rows = np.flatnonzero(~self.stream)
        return [self._event_ids[row] for row in rows.tolist()], times[rows].tolist()

    def scores(self, at: Longs) -> dict[ScoreGroup, list[Any]]:
        """The scores of some rows, by group."""
        found: dict[ScoreGroup, list[Any]] = {}
        groups, outputs = self._groups, self._scores
        for row in at.tolist():
            group = groups[row]
            known = found.get(group)
            if known is None:
                known = found[group] = []
            known.append(outputs[row])
        return found

    def predictions(self, offsets: Longs, times: Longs, moments: Moments) -> Iterator[tuple[str, Prediction]]:
        """What may get labels, by event id."""
        facts = zip(
            self._event_ids, offsets.tolist(), self._groups, times.tolist(), moments.stream.tolist(),
            moments.appended.tolist(), self._outputs, self._rivals, self._decided, strict=True,
        )  # fmt: skip
        context = self.contexts.get
        for row, (event_id, offset, (source, version, arm), time, clock, appended, output, rival, said) in enumerate(
            facts
        ):
            yield event_id, Prediction(
                offset, source, time, clock, appended, version, arm, output, rival, context(row), decided=said,
            )  # fmt: skip
