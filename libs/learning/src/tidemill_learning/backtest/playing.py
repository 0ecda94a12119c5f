"""What a policy makes of a stream, and how the answers of its versions are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.backtest.fitting import Scorer, Tried
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.decisions import ONE_HALF
from tidemill_learning.label_time.mixture.answers import spread_out
from tidemill_learning.label_time.pool import Members

Floats = NDArray[np.float64]

BLOCK = 1_024
"""Rows that a version scores at once. Blocks are the same whoever asks, so a score is a function of its row alone."""

Advance = Callable[[int, int], None]
"""Told (labels done, labels in all)."""


@dataclass(frozen=True, slots=True)
class Release:
    """A version that serves from the event on for which `labels` labels are known. `why`: one sentence; `mixture`: the
    members of a mixture and their weights.
    """

    version: int
    labels: int
    at_ms: int
    why: str
    mixture: Members = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """A change that was found. Times in epoch ms; `changed_ms`: of the first event after it; `earliest_ms`,
    `latest_ms`: where it may lie as well; `rows`: events from there to when it was found.
    """

    version: int
    labels: int
    at_ms: int
    changed_ms: int
    earliest_ms: int
    latest_ms: int
    rows: int


@dataclass(frozen=True, slots=True)
class Played:
    """A policy's answers to a stream of n events: `scores` [n] (P(true), or a value) or [n, C] in the order of the
    stream's classes, NaN where nothing served yet. `own_seconds`: without those of `fits`. `decided_at`: from which
    probability on an answer was true, one for all or [n].
    """

    scores: Floats
    fits: Sequence[Tried] = ()
    alarms: Sequence[Alarm] = ()
    releases: Sequence[Release] = ()
    own_seconds: float = 0.0
    decided_at: float | Floats = ONE_HALF

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which events were answered, [n]."""
        return np.asarray(np.isfinite(self.scores.reshape(len(self.scores), -1)).all(axis=1))

    @property
    def fit_seconds(self) -> float:
        """Of all fits together."""
        return sum(fit.seconds for fit in self.fits)


class Policy(Protocol):
    """A way to have versions. The same stream gives the same answers, whatever the machine."""

    @property
    def name(self) -> str: ...
    def play(self, stream: Stream, advance: Advance) -> Played: ...


class Version:
    """A version's scores of a stream, computed block by block when they are asked for."""

    def __init__(self, scorer: Scorer, stream: Stream) -> None:
        self.scorer = scorer
        self._stream = stream
        self._blocks: dict[int, Floats] = {}

    def scores(self, rows: NDArray[np.int64]) -> Floats:
        """As `Scorer.score` gives them, of these rows."""
        found: Floats | None = None
        blocks = rows // BLOCK
        for block in np.unique(blocks).tolist():
            mine = blocks == block
            of_block = self.block(block)
            if found is None:
                found = np.empty((len(rows), *of_block.shape[1:]))
            found[mine] = of_block[rows[mine] - block * BLOCK]
        return np.empty(0) if found is None else found

    def block(self, number: int) -> Floats:
        """Scores of the rows of one block."""
        if number not in self._blocks:
            self._blocks[number] = self._scored(number)
        return self._blocks[number]

    def _scored(self, number: int) -> Floats:
        return self.scorer.score(self._stream.inputs_of(slice(number * BLOCK, (number + 1) * BLOCK)))


def answers(stream: Stream, versions: Mapping[int, Version], releases: Sequence[Release]) -> tuple[Floats, Floats]:
    """Each event answered by the version that was released last of those for which its labels were known when it came;
    in the order of the stream's classes, NaN where there was none. And that version's threshold, [n].
    """
    decided_at = np.full(len(stream), ONE_HALF)
    many = stream.task == "multiclass"
    found = np.full((len(stream), len(stream.classes)) if many else len(stream), np.nan)
    counts = np.array([release.labels for release in releases], dtype=np.int64)
    serving = np.searchsorted(counts, stream.known, side="right") - 1
    for k, release in enumerate(releases):
        rows = np.flatnonzero(serving == k)
        if not len(rows):
            continue
        version = versions[release.version]
        scores = version.scores(rows)
        found[rows] = spread_out(scores, version.scorer.classes, stream.classes) if many else scores
        decided_at[rows] = version.scorer.threshold
    return found, decided_at
