"""Errors of joined labels in ordered buckets of sums: what calibration, Brier score and log-loss are made of.

A detector that is fed with means of whole windows sees a step late or not at all, so each window's labels are summed in
buckets of 100 in the order of their offsets. The sums add up over buckets, windows and partitions.

Let y be the outcome and p what the model expected. Binary: the label and the probability. Multiclass:
whether the class that was predicted is right, and its probability (top-label calibration). Regression:
label and value; it claims no spread, so `variance` and Spiegelhalter's sums stay 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tidemill.artifact.outputs import ONE_HALF
from tidemill.contracts.events.profiles import ErrorBucket
from tidemill.stats.score_bins import TINY

BUCKET = 100
"""Labels in a bucket."""

SUMS = tuple(field.name for field in fields(ErrorBucket) if field.name != "until")
"""What adds up over buckets."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Joined labels in the order of their offsets, aligned arrays [n]. `likelihood`: probability given to
    what happened.
    """

    y: Floats
    p: Floats
    likelihood: Floats
    wrong: NDArray[np.bool_]
    observed_at: NDArray[np.int64]
    claims_spread: bool

    def __len__(self) -> int:
        return len(self.y)


def binary(
    labels: Sequence[bool], probabilities: Sequence[float], observed_at: Sequence[int],
    decided: Sequence[bool | None] = (),
) -> Outcomes:  # fmt: skip
    """Outcomes of a binary task. `decided`: the labels that were predicted; where there is none, at 0.5."""
    y, p = np.array(labels, dtype=np.float64), np.array(probabilities, dtype=np.float64)
    likelihood = np.where(y > 0, p, 1 - p)
    said = p >= ONE_HALF
    if decided:
        said = np.array([by if one is None else one for one, by in zip(decided, said, strict=True)], dtype=np.bool_)
    return Outcomes(y, p, likelihood, said != (y > 0), np.array(observed_at, dtype=np.int64), True)


def multiclass(
    labels: Sequence[str], predicted: Sequence[tuple[str, dict[str, float]]], observed_at: Sequence[int]
) -> Outcomes:
    """Outcomes of a multiclass task from predicted classes and the probabilities of all."""
    right = np.array([label == found for label, (found, _) in zip(labels, predicted, strict=True)], dtype=np.float64)
    p = np.array([probabilities.get(found, 0.0) for found, probabilities in predicted], dtype=np.float64)
    given = [probabilities.get(label, 0.0) for label, (_, probabilities) in zip(labels, predicted, strict=True)]
    return Outcomes(right, p, np.array(given), right < 1, np.array(observed_at, dtype=np.int64), True)


def regression(labels: Sequence[float], values: Sequence[float], observed_at: Sequence[int]) -> Outcomes:
    """Outcomes of a regression task."""
    y, p = np.array(labels, dtype=np.float64), np.array(values, dtype=np.float64)
    none = np.zeros(len(y), dtype=np.bool_)
    return Outcomes(y, p, np.ones(len(y)), none, np.array(observed_at, dtype=np.int64), False)


def buckets(outcomes: Outcomes) -> list[ErrorBucket]:
    """The sums of each BUCKET labels; the last one may hold fewer.

    Sums are rounded once (`math.fsum`), so they do not depend on how a machine adds.
    """
    columns = _columns(outcomes)
    size = len(outcomes)
    return [_bucket(columns, outcomes, start, min(start + BUCKET, size)) for start in range(0, size, BUCKET)]


def correction(now: Outcomes, then: Outcomes) -> ErrorBucket:
    """A bucket of count 0: what it adds to every sum that these labels say `now` what others said `then`, in the
    same order and of the same predictions. Not empty.
    """
    new, old = (_bucket(_columns(outcomes), outcomes, 0, len(outcomes)) for outcomes in (now, then))
    changes = {name: getattr(new, name) - getattr(old, name) for name in SUMS}
    return ErrorBucket(until=new.until, **changes)


def _columns(outcomes: Outcomes) -> dict[str, Floats]:
    y, p = outcomes.y, outcomes.p
    residual = y - p
    variance = p * (1 - p) if outcomes.claims_spread else np.zeros(len(y))
    slope = 1 - 2 * p if outcomes.claims_spread else np.zeros(len(y))
    return {
        "outcome": y,
        "expected": p,
        "variance": variance,
        "squared": residual**2,
        "absolute": np.abs(residual),
        "spiegelhalter": slope * residual,
        "spiegelhalter_variance": slope**2 * variance,
        "log_loss": -np.log(np.clip(outcomes.likelihood, TINY, 1.0)),
    }


def _bucket(columns: dict[str, Floats], outcomes: Outcomes, start: int, end: int) -> ErrorBucket:
    return ErrorBucket(
        count=end - start,
        until=int(outcomes.observed_at[start:end].max()),
        wrong=int(outcomes.wrong[start:end].sum()),
        **{name: math.fsum(column[start:end].tolist()) for name, column in columns.items()},
    )
