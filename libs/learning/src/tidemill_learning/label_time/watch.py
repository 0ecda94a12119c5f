"""The watch over whatever version serves: an alarm where it became worse, but not two for one spell of noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill_learning.label_time.change_detector import ChangeDetector, Place
from tidemill_learning.label_time.change_point import ChangePoint


class Watch:
    """`ChangeDetector` with a cooldown of label time after an alarm. `state`: what `to_state` gave."""

    def __init__(self, cooldown_ms: int, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._cooldown, self._quiet_until = cooldown_ms, int(state.get("quiet_until", 0))
        self._detector = ChangeDetector(state.get("detector"))
        self._waiting = ChangePoint.from_dict(state["waiting"]) if state.get("waiting") else None

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "detector": self._detector.to_state(), "quiet_until": self._quiet_until,
            "waiting": self._waiting.to_dict() if self._waiting else None,
        }  # fmt: skip

    def add(self, surprise: float, loss: float, place: Place) -> ChangePoint | None:
        """Take in the next label; gives the change where there was one, whenever it is to be answered."""
        return self._detector.add(surprise, loss, place)

    def answered_now(self, found: ChangePoint | None, now_ms: int) -> ChangePoint | None:
        """The change that is to be answered now. One within the cooldown waits for its end: noise has passed by then,
        and what lasts is a change all the same.
        """
        self._waiting = found or self._waiting
        if self._waiting is None or now_ms < self._quiet_until:
            return None
        waited, self._waiting = self._waiting, None
        lasts = self._detector.level() > (waited.before + waited.after) / 2
        return waited if waited is found or lasts else None

    def changed(self, change: ChangePoint, now_ms: int) -> int:
        """The change is answered now: the cooldown begins. Gives how many of the labels are of events since."""
        self._quiet_until = now_ms + self._cooldown
        return self._detector.since(change.event_time)
