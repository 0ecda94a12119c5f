"""The clocks of one partition's predictions log, in which the stream's predictions and REST's stand side by side.

What REST clients ask may lie anywhere in time, so it has a clock of its own and never moves the stream's. The broker's
append times are a third: they say how far the log has been read, whoever predicts. All are functions of the log alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.drift.profiling.windows import LATER, NEVER, Log, Longs, Place, RestPlace


@dataclass(frozen=True, slots=True)
class Moments:
    """The clocks at each of n records, shape [n]: the stream's and REST's before it, the broker's with it."""

    stream: Longs
    rest: Longs
    appended: Longs


class PredictionClocks:
    """How far a predictions log was read. `stream` and `rest` also know which windows are written.

    `asked_at`: when the first REST prediction was appended; `began`: the stream's clock then (both `LATER` until then).
    """

    def __init__(self, place: Place | None = None) -> None:
        place = place or Place()
        rest = place.rest or RestPlace(window=place.window)
        self.stream = Log(place)
        self.rest = Log(Place(place.offset, rest.clock, rest.window))
        self._appended = Log(Place(place.offset, rest.appended))
        self._streamed = Log(Place(place.offset, rest.streamed))
        self._read_at = NEVER
        self.asked_at, self.began = rest.asked_at, rest.began

    @property
    def appended(self) -> int:
        """When the newest record was appended, in ms."""
        return self._appended.clock

    @property
    def passed(self) -> int:
        """A time (ms) such that no record that was appended before it is still to come."""
        return max(self._appended.clock, self._read_at)

    @property
    def streamed(self) -> int:
        """When the newest prediction of the stream was appended, in ms."""
        return self._streamed.clock

    def read_to_end(self, at_ms: int) -> None:
        """Take note that everything that was appended before `at_ms` has been read."""
        self._read_at = max(self._read_at, at_ms)

    def advance(self, offsets: Longs, times: Longs, appended: Longs, stream: NDArray[np.bool_]) -> Moments:
        """Read records on: ascending offsets, event times, append times, and whether each is the stream's."""
        before, _ = self.stream.advance(offsets, np.where(stream, times, NEVER))
        asked, _ = self.rest.advance(offsets, np.where(stream, NEVER, times))
        _, known = self._appended.advance(offsets, appended)
        self._streamed.advance(offsets, np.where(stream, appended, NEVER))
        if self.asked_at == LATER and not stream.all():
            first = int(np.argmin(stream))
            self.asked_at, self.began = int(known[first]), int(before[first])
        return Moments(before, asked, known)

    def low_water(self, needed: int | None) -> Place:
        """See `Log.low_water`."""
        place, rest = self.stream.low_water(needed), self.rest.low_water(needed)
        appended, streamed = self._appended.low_water(needed).clock, self._streamed.low_water(needed).clock
        also = RestPlace(rest.clock, rest.window, appended, streamed, self.asked_at, self.began)
        return Place(place.offset, place.clock, place.window, rest=also)
