"""Whether labels still meet predictions as often as they used to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidemill_learning.drift.detection.shift_detectors import SIGMAS

AT_ONCE = 200
"""Labels from which a share is believed; windows of fewer add up."""

USUAL_AFTER = 3
"""So many shares say what is usual."""

FELL = 0.2
"""Loss of the share that is worth an alarm, if it is also beyond chance."""

IN_A_ROW = 2
"""Times that it must be too low: who asks by REST instead of the stream is counted a moment later."""

SLOWLY = 0.1
"""Weight of the newest share in what is usual."""


_OfPartitions = dict[str, tuple[int, int]]
"""Labels, and those that met a prediction, by partition."""


@dataclass(frozen=True, slots=True)
class Fell:
    """`share` of `labels` labels met a prediction, where at least `least` would have been usual."""

    share: float
    usual: float
    least: float
    labels: int

    @property
    def detail(self) -> str:
        """One sentence for people."""
        return f"{self.share:.0%} of {self.labels:,} labels met a prediction where {self.usual:.0%} do usually"


class JoinRate:
    """The share of labels that met a prediction, of one source and both together, over the newest labels of every
    partition: profiles come partition by partition, and one that lags must not look like a recovery. `state`: what
    `to_state` gave.

    >>> rate = JoinRate()
    >>> found = [rate.take("stream", 0, 200, met) for met in (190, 188, 191, 100, 90)]
    >>> [one.detail if one else one for one in found[2:]]
    [None, None, '45% of 200 labels met a prediction where 95% do usually']
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._counts = _by_partition(state.get("counts", {}))
        self._now = _by_partition(state.get("now", {}))
        self._usual: dict[str, list[float]] = {name: list(known) for name, known in state.get("usual", {}).items()}
        self._low = int(state.get("low", 0))

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"counts": self._counts, "now": self._now, "usual": self._usual, "low": self._low}

    @property
    def low(self) -> bool:
        """Whether it is too low now."""
        return self._low >= IN_A_ROW

    def take(self, source: str, partition: int, labels: int, met: int) -> Fell | None:
        """Take in a window's labels of a partition, and how many of them met a prediction of this source; gives that
        the share fell, in each window while it lasts.
        """
        counts = self._counts.setdefault(source, {})
        before = counts.get(str(partition), (0, 0))
        counts[str(partition)] = before[0] + labels, before[1] + met
        if sum(rows for rows, _ in counts.values()) < AT_ONCE:
            return None
        self._now.setdefault(source, {}).update(counts)
        self._counts[source] = {}
        share, found = _share(self._now[source]), self._judged(sum(rows for rows, _ in counts.values()))
        if found is None:
            self._learn(source, share)
            self._low = 0
            return None
        self._low += 1
        return found if self.low else None

    def _judged(self, rows: int) -> Fell | None:
        known = {name: usual for name, (seen, usual) in self._usual.items() if seen >= USUAL_AFTER}
        if not known:
            return None
        usual, now = min(1.0, sum(known.values())), min(1.0, sum(map(_share, self._now.values())))
        least = usual - max(FELL, SIGMAS * math.sqrt(usual * (1 - usual) / rows))
        return Fell(now, usual, least, rows) if now < least else None

    def _learn(self, source: str, share: float) -> None:
        seen, usual = self._usual.get(source, [0, share])
        weight = max(SLOWLY, 1 / (seen + 1))
        self._usual[source] = [min(seen + 1, USUAL_AFTER), round(usual + weight * (share - usual), 6)]


def _share(counts: _OfPartitions) -> float:
    return sum(met for _, met in counts.values()) / sum(rows for rows, _ in counts.values())


def _by_partition(state: Mapping[str, Any]) -> dict[str, _OfPartitions]:
    return {
        source: {partition: (int(rows), int(met)) for partition, (rows, met) in counts.items()}
        for source, counts in state.items()
    }
