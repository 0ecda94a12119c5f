"""How far off a model is now: the mean of a standardised residual since it last changed.

ADWIN (Bifet, Gavalda: "Learning from time-changing data with adaptive windowing", SDM 2007; river's) says
when the level changed; the mean since then says how far it is from the 0 that an honest model promises. A
fixed window would either see a step late or take every bad day for one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tidemill_learning.adwin import new_adwin

CHECK_EVERY = 4
"""Buckets between two looks for a change."""

LEAST = 10
"""Values from which a regime is believed."""

LONGEST = 2_048
"""Buckets that are remembered (200,000 labels); beyond it the older half is forgotten."""


class Regime:
    """The level of a sequence since its last change: `mean`, in the sequence's unit, of its last `width` values.

    `state`: what `to_state` gave, the sequence itself; ADWIN (confidence `adwin.DELTA`) is rebuilt from it. Bifet,
    Gavaldà: Learning from Time-Changing Data with Adaptive Windowing, SDM 2007.

    >>> regime = Regime()
    >>> for value in [0.0] * 100 + [3.0] * 100:
    ...     regime.add(value)
    >>> regime.mean > 2.5 and 90 <= regime.width <= 110
    True
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._since = int(state.get("since", 0))
        self._before = int(state.get("before", 0))
        self._values: list[float] = []
        self._adwin = new_adwin(CHECK_EVERY)
        for value in state.get("values", []):
            self._values.append(value)
            self._adwin.update(value)

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"since": self._since, "before": self._before, "values": self._values}

    @property
    def width(self) -> int:
        """Values in the regime."""
        return len(self._values) - self._begin

    @property
    def mean(self) -> float:
        """Their mean; 0 where there are none."""
        return math.fsum(self._values[self._begin :]) / self.width if self.width else 0.0

    @property
    def _begin(self) -> int:
        """A new regime is believed once it has LEAST values; until then the one before it goes on."""
        return self._since if len(self._values) - self._since >= LEAST else self._before

    def add(self, value: float) -> None:
        """Take in the next value."""
        value = round(value, 6)
        self._values.append(value)
        self._adwin.update(value)
        if self._adwin.drift_detected:
            # River begins anew here. What ADWIN itself would keep still holds much of the time before the
            # change.
            self._before, self._since = self._begin, len(self._values) - 1
        if len(self._values) > LONGEST:
            self._forget()

    def _forget(self) -> None:
        cut = len(self._values) // 2
        since, before = max(0, self._since - cut), max(0, self._before - cut)
        kept = {"since": since, "before": before, "values": self._values[cut:]}
        self.__init__(kept)  # type: ignore[misc]
