"""Windows with too few rows to be looked at add up until there are enough: few events are watched too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidemill.contracts.events.profiles import ErrorBucket, ErrorProfile
from tidemill_learning.drift.detection.ordering import Item
from tidemill_learning.drift.detection.shift_detectors import LEAST_VALUES
from tidemill_learning.drift.labels.error_bins import BUCKET, SUMS


def enough(group: Sequence[Item]) -> bool:
    """Whether a merged window of features or predictions holds as many values as are needed to compare any of them."""
    totals: dict[str, float] = {}
    for item in group:
        for name, compared in item["content"].items():
            totals[name] = totals.get(name, 0) + math.fsum(compared["observed"]) + compared["nulls"]
    return max(totals.values(), default=LEAST_VALUES) >= LEAST_VALUES


class BucketRemainder:
    """Buckets of too few labels, summed until they are as good as a full one. `state`: what `to_state` gave."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._bucket = ErrorBucket.from_dict(dict(state)) if state else None

    def to_state(self) -> dict[str, Any] | None:
        """Plain JSON."""
        return self._bucket.to_dict() if self._bucket else None

    def add(self, bucket: ErrorBucket) -> ErrorBucket | None:
        """Take in a small bucket; gives the sum once it holds `BUCKET` labels."""
        total = bucket if self._bucket is None else summed([self._bucket, bucket])
        self._bucket = None if total.count >= BUCKET else total
        return total if total.count >= BUCKET else None


def added_up(errors: Sequence[ErrorProfile]) -> ErrorProfile:
    """Errors of several windows or partitions as those of one, in one bucket. Not empty."""
    first = errors[0]
    buckets = [bucket for error in errors for bucket in error.buckets]
    return ErrorProfile(
        source=first.source, version=first.version, arm=first.arm, count=sum(error.count for error in errors),
        buckets=(summed(buckets),) if buckets else (),
        positives=tuple(added(error.positives for error in errors).tolist()),
        negatives=tuple(added(error.negatives for error in errors).tolist()),
    )  # fmt: skip


def summed(buckets: Sequence[ErrorBucket]) -> ErrorBucket:
    """The sums of all of them. Not empty."""
    sums = {name: math.fsum(getattr(bucket, name) for bucket in buckets) for name in SUMS}
    count, wrong = int(sums.pop("count")), int(sums.pop("wrong"))
    return ErrorBucket(count=count, until=max(bucket.until for bucket in buckets), wrong=wrong, **sums)


def added(rows: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Counts by bin, added over those that have any."""
    arrays = [np.array(row, dtype=np.int64) for row in rows if len(row)]
    return np.sum(arrays, axis=0) if arrays else np.zeros(0, dtype=np.int64)
