"""When did it change? The place of a change in a sequence, by maximum likelihood, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 5
"""Values on either side, without which neither has a mean."""

LEAST_VARIANCE = 1e-6
"""Of values in [0, 1] that fall into two equal runs exactly."""

AS_LIKELY = 2.0
"""Log likelihood: a place that is less likely than the best by no more than that may be the one (about 95 %)."""


@dataclass(frozen=True, slots=True)
class Located:
    """`at`: the first value after the change; `earliest` to `latest`: where it may lie as well; `before`, `after`: the
    means on either side.
    """

    at: int
    earliest: int
    latest: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """Since when the rows tell of another world. It travels with the request, the run, the data set and the manifest.

    `event_time`: of the first event after the change, epoch ms; `earliest`, `latest`: where it may lie as well (about
    95 %); `offsets`: the first offset after the change by topic and partition; `before`, `after`: mean surprise of the
    version that served (`losses.surprises`) on either side.
    """

    event_time: int
    earliest: int
    latest: int
    before: float
    after: float
    offsets: tuple[tuple[str, int, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "event_time": self.event_time, "earliest": self.earliest, "latest": self.latest,
            "before": self.before, "after": self.after,
            "offsets": [{"topic": t, "partition": p, "first": o} for t, p, o in self.offsets],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> ChangePoint:
        """What `to_dict` gave."""
        offsets = tuple((o["topic"], int(o["partition"]), int(o["first"])) for o in found.get("offsets", ()))
        return cls(found["event_time"], found["earliest"], found["latest"], found["before"], found["after"], offsets)


def locate(values: NDArray[np.float64]) -> Located | None:
    """The likeliest place where the mean of `values`, shape [n], rose; None where they are too few or it never did.

    Either side is taken as normal with a mean of its own and the variance of both (Hinkley: Inference about the
    change-point in a sequence of random variables, Biometrika 57, 1970); with a variance for each side any run of equal
    values would be taken for one. ADWIN says *that* the mean changed; the window it keeps still
    holds much of the time before, and a model that is fitted on it learns both worlds.

    >>> locate(np.array([0.1, 0.2] * 50 + [0.8, 0.9] * 10)).at
    100
    """
    n = len(values)
    if n < 2 * LEAST:
        return None
    k = np.arange(LEAST, n - LEAST + 1)
    sums = np.cumsum(values)
    left, right = sums[k - 1] / k, (sums[-1] - sums[k - 1]) / (n - k)
    around_mean = float(np.square(values - sums[-1] / n).sum())
    left_over = around_mean - k * (n - k) / n * np.square(right - left)
    likelihood = -0.5 * n * np.log(np.maximum(left_over, LEAST_VARIANCE * n))
    likelihood[right <= left] = -np.inf
    best = int(likelihood.argmax())
    if likelihood[best] == -np.inf:
        return None
    also = k[likelihood >= likelihood[best] - AS_LIKELY]
    return Located(int(k[best]), int(also[0]), int(also[-1]), float(left[best]), float(right[best]))
