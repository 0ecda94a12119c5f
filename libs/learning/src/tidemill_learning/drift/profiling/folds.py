"""What is kept of an open window: counts of features and of scores. Order and batches make no difference to
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidemill.contracts.events.platform import Sketch as SketchCounts
from tidemill.contracts.events.profiles import FeatureProfile, RankCorrelations, ScoreProfile
from tidemill.rows.features import short_texts
from tidemill.stats.score_bins import bin_counts
from tidemill.stats.sketch import Sketch
from tidemill_learning.drift.profiling.together import RowSample, rank_correlations

FOLD_ROWS = 2_000
"""Rows are folded so many at a time: folding a few rows costs as much as folding many."""

MAX_CONTEXTS = 10_000
"""Trace contexts kept of a window: it may be a day long, and everything in it may be sampled."""

TOP_CATEGORIES = 200
"""As in the training reference."""


class FeatureLike(Protocol):
    """The part of a model file's feature that is needed here."""

    @property
    def name(self) -> str:
        """The record's field."""

    @property
    def kind(self) -> str:
        """category, number or time."""


class Extent:
    """Where a window's records lie in their log and in time."""

    __slots__ = ("contexts", "ended_at", "first_offset", "last_offset", "records", "started_at")

    def __init__(self) -> None:
        self.contexts: dict[bytes, None] = {}
        self.records = 0
        self.first_offset = self.last_offset = self.started_at = self.ended_at = 0

    def add(self, offsets: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """Take in records, ascending offsets."""
        low, high = int(times.min()), int(times.max())
        if not self.records:
            self.first_offset, self.started_at, self.ended_at = int(offsets[0]), low, high
        self.records += len(offsets)
        self.last_offset = int(offsets[-1])
        self.started_at, self.ended_at = min(self.started_at, low), max(self.ended_at, high)

    def link(self, contexts: Iterable[bytes]) -> None:
        """Note the trace contexts of records in it; beyond `MAX_CONTEXTS` they are left out."""
        if len(self.contexts) < MAX_CONTEXTS:
            self.contexts.update(dict.fromkeys(contexts))


class FeatureFold:
    """Number and category features of one window. Time features are left out: they move by nature."""

    def __init__(self, features: Iterable[FeatureLike]) -> None:
        self.extent = Extent()
        self._kinds = {feature.name: feature.kind for feature in features if feature.kind != "time"}
        self._rows: list[pa.RecordBatch] = []
        self._offsets: list[NDArray[np.int64]] = []
        self._sample = RowSample()
        self._pending = 0
        self._nulls: Counter[str] = Counter()
        self._sketches = {name: Sketch() for name, kind in self._kinds.items() if kind == "number"}
        self._categories: dict[str, Counter[str]] = {
            n: Counter() for n, kind in self._kinds.items() if kind == "category"
        }

    def add(self, offsets: NDArray[np.int64], times: NDArray[np.int64], rows: pa.RecordBatch) -> None:
        """Take in records with their positions and times, aligned."""
        self.extent.add(offsets, times)
        self._rows.append(rows.select(list(self._kinds)))
        self._offsets.append(offsets)
        self._pending += rows.num_rows
        if self._pending >= FOLD_ROWS:
            self._fold()

    def features(self) -> tuple[FeatureProfile, ...]:
        """What is known of each feature, in the order of the model file."""
        self._fold()
        return tuple(self._feature(name) for name in self._kinds)

    def together(self) -> RankCorrelations | None:
        """How they hang together."""
        self._fold()
        return rank_correlations(self._sample.rows, [*self._sketches], [*self._categories])

    def _fold(self) -> None:
        if not self._rows:
            return
        table = pa.Table.from_batches(self._rows)
        self._sample.add(np.concatenate(self._offsets), table)
        self._rows, self._offsets, self._pending = [], [], 0
        for name in self._kinds:
            column = table.column(name)
            known = self._number(name, column) if name in self._sketches else self._category(name, column)
            self._nulls[name] += len(column) - known

    def _number(self, name: str, column: pa.ChunkedArray) -> int:
        values = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy()
        known = values[np.isfinite(values)]
        self._sketches[name].add(known)
        return len(known)

    def _category(self, name: str, column: pa.ChunkedArray) -> int:
        counted = short_texts(column).drop_null().value_counts()
        counts = dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
        self._categories[name].update(counts)
        return sum(counts.values())

    def _feature(self, name: str) -> FeatureProfile:
        nulls = self._nulls[name]
        known = self.extent.records - nulls
        if name in self._sketches:
            sketch = SketchCounts.from_dict(self._sketches[name].to_datum())
            return FeatureProfile(name=name, count=known, nulls=nulls, sketch=sketch)
        top, other = top_categories(self._categories[name])
        return FeatureProfile(name=name, count=known, nulls=nulls, categories=top, other=other)


def top_categories(counts: Counter[str]) -> tuple[dict[str, int], int]:
    """The most frequent values, ties by name, and how many values are not among them."""
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return dict(ordered[:TOP_CATEGORIES]), sum(count for _, count in ordered[TOP_CATEGORIES:])


class ScoreFold:
    """Scores of one window, by source, version and arm."""

    def __init__(self, task: str) -> None:
        self.extent = Extent()
        self._task = task
        self._groups: dict[tuple[str, int, str], list[Any]] = {}

    def add(self, key: tuple[str, int, str], scores: list[Any]) -> None:
        """Take in scores of one group: probabilities, predicted classes, or values, as the task is."""
        self._groups.setdefault(key, []).extend(scores)

    def scores(self) -> tuple[ScoreProfile, ...]:
        """What is known of each group, ordered by source, version and arm."""
        return tuple(
            ScoreProfile(source=source, version=version, arm=arm, count=len(scores), **self._told(scores))
            for (source, version, arm), scores in sorted(self._groups.items())
        )

    def _told(self, scores: list[Any]) -> dict[str, Any]:
        if self._task == "binary":
            return {"bins": tuple(bin_counts(np.array(scores, dtype=np.float64)).tolist())}
        if self._task == "multiclass":
            return {"classes": dict(sorted(Counter(scores).items()))}
        sketch = Sketch()
        sketch.add(np.array(scores, dtype=np.float64))
        return {"sketch": SketchCounts.from_dict(sketch.to_datum())}
