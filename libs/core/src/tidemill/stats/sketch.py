"""A mergeable summary of numbers: how many lie in each logarithmic bucket.

DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB
2019) with the uniform collapse of UDDSketch (Epicoco et al., IEEE Access 2020): where there are too many buckets, each
two neighbours are united. It holds only counts and uses no randomness, so the same values give the same sketch in
whatever order and in however many parts they come. A KLL or t-digest would not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

ACCURACY = 0.0005
"""Relative accuracy of a fresh sketch: fine enough to tell 1013.0 from 1015.1 (air pressure), hours or ages
apart.
"""

MAX_BUCKETS = 256
"""Of either sign; bounds a sketch to about 2 KiB however many values it has seen."""

SMALLEST = 1e-9
"""A magnitude below this counts as zero."""

WIDEST = 20_000
"""Buckets between the lowest and the highest up to which they are counted in one row."""

_LOG_GAMMA = math.log((1 + ACCURACY) / (1 - ACCURACY))


class Sketch:
    """Counts of finite numbers in logarithmic buckets: quantiles of known accuracy, merged without loss.

    `level` (0 and more) says how often neighbouring buckets were united, `zeros` how many values are below 1e-9 in
    size, `positive` and `negative` the counts by bucket, `low` and `high` the smallest and largest value (inf and -inf
    where there is none), in the unit of the values. Masson, Rim, Lee: DDSketch, VLDB 2019; Epicoco et al.: UDDSketch,
    IEEE Access 2020.

    >>> import numpy as np
    >>> morning, evening = Sketch(), Sketch()
    >>> morning.add(np.arange(1.0, 51.0))
    >>> evening.add(np.arange(51.0, 101.0))
    >>> morning.merge(evening)
    >>> morning.count, round(morning.quantile(0.5))
    (100, 50)
    """

    __slots__ = ("high", "level", "low", "negative", "positive", "zeros")

    def __init__(self) -> None:
        self.level = 0
        self.zeros = 0
        self.positive: dict[int, int] = {}
        self.negative: dict[int, int] = {}
        self.low = math.inf
        self.high = -math.inf

    @property
    def count(self) -> int:
        """How many values it holds."""
        return self.zeros + sum(self.positive.values()) + sum(self.negative.values())

    @property
    def accuracy(self) -> float:
        """The relative error of a quantile."""
        return math.tanh(self._log_gamma / 2)

    @property
    def _log_gamma(self) -> float:
        return float(math.ldexp(_LOG_GAMMA, self.level))

    def add(self, values: NDArray[np.float64]) -> None:
        """Count `values` (shape [n], finite)."""
        if not len(values):
            return
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        above, below = values[values > SMALLEST], -values[values < -SMALLEST]
        self.zeros += len(values) - len(above) - len(below)
        self._count("positive", above)
        self._count("negative", below)
        self._fit()

    def merge(self, other: Sketch) -> None:
        """Add the counts of `other`, which is left as it is."""
        other = Sketch.from_datum(other.to_datum())
        _raise(other, max(self.level, other.level))
        _raise(self, other.level)
        self.zeros += other.zeros
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        for mine, theirs in ((self.positive, other.positive), (self.negative, other.negative)):
            for bucket, count in theirs.items():
                mine[bucket] = mine.get(bucket, 0) + count
        self._fit()

    def below(self, limits: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """For ascending `limits` [k]: how many values are at most each, and the limits that were really used.

        A count can only be told at the end of a bucket, so each limit is moved up to the end of its bucket.
        """
        pairs = [self._below(float(limit)) for limit in limits]
        return np.array([p[0] for p in pairs], dtype=np.int64), np.array([p[1] for p in pairs], dtype=np.float64)

    def quantile(self, q: float) -> float:
        """The value at quantile `q` (0 to 1), within `accuracy` of it; NaN where there are no values."""
        count = self.count
        if not count:
            return math.nan
        rank, seen = q * (count - 1), 0
        for value, held in self._ascending():
            seen += held
            if seen > rank:
                return min(max(value, self.low), self.high)
        return self.high

    def _ascending(self) -> Iterator[tuple[float, int]]:
        """(a value in the middle of the bucket, count) of each bucket."""
        gamma = self._log_gamma
        middle = 2 / (1 + math.exp(gamma))
        for bucket, held in sorted(self.negative.items(), reverse=True):
            yield -math.exp(bucket * gamma) * middle, held
        if self.zeros:
            yield 0.0, self.zeros
        for bucket, held in sorted(self.positive.items()):
            yield math.exp(bucket * gamma) * middle, held

    def to_datum(self) -> dict[str, Any]:
        """The record `Sketch` of schemas/profile.avsc."""
        positive, negative = sorted(self.positive.items()), sorted(self.negative.items())
        empty = self.low > self.high
        return {
            "accuracy": self.accuracy,
            "level": self.level,
            "zeros": self.zeros,
            "positive_buckets": [bucket for bucket, _ in positive],
            "positive_counts": [count for _, count in positive],
            "negative_buckets": [bucket for bucket, _ in negative],
            "negative_counts": [count for _, count in negative],
            "low": 0.0 if empty else self.low,
            "high": 0.0 if empty else self.high,
        }

    @classmethod
    def from_datum(cls, datum: Mapping[str, Any]) -> Sketch:
        """The sketch that `to_datum` wrote."""
        sketch = cls()
        sketch.level, sketch.zeros = int(datum["level"]), int(datum["zeros"])
        sketch.positive = dict(zip(datum["positive_buckets"], datum["positive_counts"], strict=True))
        sketch.negative = dict(zip(datum["negative_buckets"], datum["negative_counts"], strict=True))
        if sketch.count:
            sketch.low, sketch.high = float(datum["low"]), float(datum["high"])
        return sketch

    def _bucket(self, magnitude: float) -> int:
        return _up(math.ceil(math.log(magnitude) / _LOG_GAMMA), self.level)

    def _count(self, name: str, magnitudes: NDArray[np.float64]) -> None:
        """Counts are united to fit before they are added: what comes out is the same, and most values need no bucket
        of their own in between.
        """
        fine = np.ceil(np.log(magnitudes) / _LOG_GAMMA).astype(np.int64)
        at, counts = _counted(_up(fine, self.level))
        while len(at) > MAX_BUCKETS:
            _raise(self, self.level + 1)
            at, counts = _counted(_up(at, 1), counts)
        buckets: dict[int, int] = getattr(self, name)
        for bucket, count in zip(at.tolist(), counts.tolist(), strict=True):
            buckets[bucket] = buckets.get(bucket, 0) + count

    def _fit(self) -> None:
        while max(len(self.positive), len(self.negative)) > MAX_BUCKETS:
            _raise(self, self.level + 1)

    def _below(self, limit: float) -> tuple[int, float]:
        negatives = sum(self.negative.values())
        if limit > SMALLEST:
            bucket = self._bucket(limit)
            inside = sum(count for at, count in self.positive.items() if at <= bucket)
            return negatives + self.zeros + inside, math.exp(bucket * self._log_gamma)
        if limit >= -SMALLEST:
            return negatives + self.zeros, SMALLEST
        bucket = self._bucket(-limit)
        inside = sum(count for at, count in self.negative.items() if at >= bucket)
        return inside, -math.exp((bucket - 1) * self._log_gamma)


Bucket = TypeVar("Bucket", int, NDArray[np.int64])


def _up(bucket: Bucket, levels: int) -> Bucket:
    """The bucket that holds `bucket` after so many collapses: the ceiling of bucket / 2**levels."""
    return -((-bucket) >> levels)


def _counted(
    buckets: NDArray[np.int64], counts: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The buckets that occur, ascending, and how often, or the sum of their counts: arrays of one length."""
    if not len(buckets):
        return buckets, buckets
    low = int(buckets.min())
    if int(buckets.max()) - low >= WIDEST:
        found, inverse, seen = np.unique(buckets, return_inverse=True, return_counts=True)
        return found, seen if counts is None else np.bincount(inverse, counts).astype(np.int64)
    held = np.bincount(buckets - low, counts).astype(np.int64)
    (found,) = np.nonzero(held)
    return found + low, held[found]


def _raise(sketch: Sketch, level: int) -> None:
    step = level - sketch.level
    if step <= 0:
        return
    for name in ("positive", "negative"):
        united: dict[int, int] = {}
        for bucket, count in getattr(sketch, name).items():
            united[_up(bucket, step)] = united.get(_up(bucket, step), 0) + count
        setattr(sketch, name, united)
    sketch.level = level
