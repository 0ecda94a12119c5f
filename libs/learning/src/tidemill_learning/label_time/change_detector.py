"""Did the version that serves become worse? Asked at every label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidemill_learning.adwin import new_adwin
from tidemill_learning.label_time.change_point import ChangePoint, Located, locate

CHECK_EVERY = 5
"""Labels between two looks for a change."""

LONGEST = 8_192
"""Labels that are remembered; beyond it the older half is forgotten."""

LOOK_BACK = 200
"""Labels before ADWIN's window in which the change may lie as well; and of the level of now."""

LEAST_LOOKED_AT = 400

ENOUGH_LABELS = 200
"""Labels after which answers that are turned round have been found, however few come a day; measured in
`tests/unit/learning/drift/watching/test_few_events.py`.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a labelled event stands: its time (epoch ms), and the topic, partition and offset that it came by."""

    event_time: int
    topic: str = ""
    partition: int = 0
    offset: int = 0


class ChangeDetector:
    """ADWIN on the surprises of whatever version serves; an alarm where their mean rose, with the place of the change.

    A swap starts nothing anew: labelled rows are scored by the version of now, whoever served when they were events.
    That the mean fell is no alarm, nor that it rose while answers became no worse. After an alarm the watch begins
    anew. `state`: what `to_state` gave; ADWIN is made again from the remembered labels. Measured:
    `tests/unit/learning/label_time/test_false_alarms.py`.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._values: list[float] = []
        self._losses: list[float] = []
        self._places: list[Place] = []
        self._begin_anew()
        state = state or {}
        self._values = [float(value) for value in state.get("values", ())]
        self._losses = [float(loss) for loss in state.get("losses", self._values)]
        self._places = [Place(*place) for place in state.get("places", ())]
        self._watched = int(state.get("watched", 0))
        for value in self._values[len(self._values) - self._watched :]:
            self._adwin.update(value)

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        places = [[p.event_time, p.topic, p.partition, p.offset] for p in self._places]
        return {"values": self._values, "losses": self._losses, "places": places, "watched": self._watched}

    def add(self, surprise: float, loss: float, place: Place) -> ChangePoint | None:
        """Take in the next label; gives the change where there was one."""
        value = round(surprise, 5)
        self._values.append(value)
        self._losses.append(round(loss, 5))
        self._places.append(place)
        before = self._adwin.estimation
        self._adwin.update(value)
        self._watched += 1
        found = None
        if self._adwin.drift_detected:
            width, rose = int(self._adwin.width), self._adwin.estimation > before
            self._begin_anew()
            found = self._locate(width) if rose else None
        if len(self._values) > LONGEST:
            self._forget()
        return found

    def since(self, event_time: int) -> int:
        """How many remembered labels are of events at `event_time` or later."""
        return sum(place.event_time >= event_time for place in self._places)

    def level(self) -> float:
        """The mean of the last surprises; 0 where there are none."""
        last = self._values[-LOOK_BACK:]
        return sum(last) / len(last) if last else 0.0

    def _begin_anew(self) -> None:
        self._adwin = new_adwin(CHECK_EVERY)
        self._watched = 0

    def _forget(self) -> None:
        cut = len(self._values) // 2
        del self._values[:cut], self._losses[:cut], self._places[:cut]
        if self._watched > len(self._values):
            self._begin_anew()
            for value in self._values:
                self._adwin.update(value)
            self._watched = len(self._values)

    def _locate(self, width: int) -> ChangePoint | None:
        """By the order of events, in which the world changed; labels may come in another."""
        count = max(width + LOOK_BACK, LEAST_LOOKED_AT)
        values, places = self._values[-count:], self._places[-count:]
        order = sorted(range(len(places)), key=lambda k: places[k].event_time)
        found = locate(np.array([values[k] for k in order]))
        if found is None or not self._worse(found.at, [self._losses[-count:][k] for k in order]):
            return None
        return _change_point(found, [places[k] for k in order])

    @staticmethod
    def _worse(at: int, lost: Sequence[float]) -> bool:
        """Whether answers became worse, too. A version that has taken over may promise more than the one before it and
        keep more of it, if not all: that is no change of the world.
        """
        return float(np.mean(lost[at:])) > float(np.mean(lost[:at]))


def _change_point(found: Located, places: Sequence[Place]) -> ChangePoint:
    first: dict[tuple[str, int], int] = {}
    for place in places[found.at :]:
        key = (place.topic, place.partition)
        first[key] = min(first.get(key, place.offset), place.offset)
    return ChangePoint(
        event_time=places[found.at].event_time,
        earliest=places[found.earliest].event_time,
        latest=places[found.latest].event_time,
        before=found.before,
        after=found.after,
        offsets=tuple((*key, offset) for key, offset in sorted(first.items()) if key[0]),
    )
