"""Is another version better than the one that serves? Evidence, label by label, that may be looked at at any time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.release.evalues import BETS

NEEDED = math.log(10_000)
"""Log evidence from which a version takes over: in label time a version that is no better does so less than once in
10,000 labels at the worst, and as a rule never, for bets on a mean that is not there lose.
"""


UNIT = 2.0**32
"""Logarithms are counted in whole parts of this: their sums are exact then, however the labels are cut into batches."""


class Contest:
    """Bets that a challenger's loss lies below the champion's, on labels that neither has learned from.

    Each label gives gain = loss of the champion - loss of the challenger, in [-1, 1]; the wealth of seven bets is
    multiplied by 1 + bet x gain and never falls below 1 (an e-detector of the CUSUM kind: Shin, Ramdas, Rinaldo:
    E-detectors, New England Journal of Statistics in Data Science, 2023; bets on a bounded mean: Waudby-Smith, Ramdas:
    JRSS B 86, 2024). So a version that was worse under another concept begins anew when its own comes back. Guarantee:
    while the mean gain is at most 0, the expected number of labels until the evidence reaches ln(A) is at least A.

    `wealth`: what `to_state` gave.

    >>> contest = Contest()
    >>> contest.enough_at(np.full(60, 0.4))
    35
    >>> contest.add(np.full(60, 0.4))
    >>> contest.log_evidence > NEEDED
    True
    """

    def __init__(self, wealth: Sequence[float] | None = None, labels: int = 0) -> None:
        self._logs = np.zeros(len(BETS)) if wealth is None else np.asarray(wealth, dtype=np.float64)
        self.labels = labels
        """Labels compared since the evidence last was nothing."""

    def to_state(self) -> list[float]:
        """Plain JSON: the logarithm of each bet's wealth."""
        return [float(log) for log in self._logs]

    @property
    def log_evidence(self) -> float:
        """Logarithm of the mean wealth, at least 0."""
        return float(_log_means(self._logs))

    def enough_at(self, gains: NDArray[np.float64], needed: float = NEEDED) -> int | None:
        """Which of the next gains, shape [n], is the first with as much evidence as needed; takes none in."""
        enough = np.flatnonzero(self.along(gains) >= needed)
        return int(enough[0]) if len(enough) else None

    def along(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log evidence after each of the next gains, shape [n]; takes none in."""
        return _log_means(self._walk(gains)) if len(gains) else np.empty(0)

    def add(self, gains: NDArray[np.float64]) -> None:
        """Take in gains, shape [n], each in [-1, 1]."""
        if not len(gains):
            return
        walked = self._walk(gains)
        nothing = np.flatnonzero(walked.max(axis=1) == 0.0)
        self.labels = len(gains) - 1 - int(nothing[-1]) if len(nothing) else self.labels + len(gains)
        self._logs = walked[-1]

    def _walk(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logarithms of the bets' wealth after each gain, shape [n, bets]: what fell below 1 began anew at 1."""
        walked = np.cumsum(np.round(np.log1p(np.outer(gains, BETS)) * UNIT) / UNIT, axis=0) + self._logs
        return np.asarray(walked - np.minimum(np.minimum.accumulate(walked, axis=0), 0.0))


def _log_means(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    tops = logs.max(axis=-1)
    return np.asarray(tops + np.log(np.exp(logs - tops[..., None]).mean(axis=-1)))
