"""Where numbers lie and how far they spread, whatever their size and whatever strangers are among them.

All in float64. The spread is that of the shortest interval that holds half of the values (the "shorth", Andrews et al.,
1972), which up to half of the values cannot move: a fill value of 9.97e36 is no part of a temperature's spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARES = (0.5, 0.75, 0.9, 0.99, 1.0)
"""A half of equal values has no width: then the shortest interval of a larger share is taken."""

FENCE = 20.0
"""Values farther than so many spreads outside of the shortest interval are taken to lie on that fence: beyond it a
straight line tells nothing.
"""

STRANGE = 1_000.0
"""What lies farther outside than so many spreads is no measurement of the same thing (a fill value, a slip) and is read
as missing: on the fence, a handful would still decide the slope for all the others.
"""

TINY = 1e-300
LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Frame:
    """`least` and `most`: beyond them a value is read as missing. `low` and `high`: what the others are clipped
    to. `centre` and `scale` (above 0): of the clipped values.
    """

    low: float = 0.0
    high: float = 0.0
    centre: float = 0.0
    scale: float = 1.0
    least: float = -np.inf
    most: float = np.inf


def shortest(values: Floats) -> tuple[float, float]:
    """Both ends of the shortest interval that holds half of the finite `values` (at least one) or more, and has a
    width where they are not all equal.
    """
    ordered = np.sort(values)
    for share in SHARES:
        held = max(1, int(np.ceil(share * len(ordered))))
        with np.errstate(over="ignore"):
            widths = ordered[held - 1 :] - ordered[: len(ordered) - held + 1]
        at = int(np.argmin(widths))
        low, high = float(ordered[at]), float(ordered[at + held - 1])
        if high > low:
            return low, high
    return float(ordered[0]), float(ordered[-1])


def frame_of(values: Floats) -> Frame:
    """The frame of some numbers; those that are not finite count for nothing. Of equal numbers the scale is 1."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Frame()
    low, high = shortest(known)
    if high == low:
        return Frame(low, high, low)
    spread = min(high - low, LARGEST / (4 * STRANGE))
    least, most = max(low, -LARGEST / 2) - STRANGE * spread, min(high, LARGEST / 2) + STRANGE * spread
    held = known[(known >= least) & (known <= most)]
    low, high = max(low - FENCE * spread, float(held.min())), min(high + FENCE * spread, float(held.max()))
    clipped = np.clip(held, low, high)
    largest = max(float(np.abs(clipped).max()), TINY)
    centre = float((clipped / largest).mean()) * largest
    scale = float(((clipped - centre) / largest).std()) * largest
    return Frame(low, high, centre, scale or 1.0, least, most)


def spread_of(values: Floats) -> float:
    """Width of the shortest interval with half of the finite values; 0 where all are equal, or there is none."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0
    low, high = shortest(known)
    return high - low
