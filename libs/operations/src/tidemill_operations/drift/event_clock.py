"""Where the stream stood, in event time, when something was written: what is done to versions happens on the wall's
clock.
"""

from __future__ import annotations

from bisect import bisect_right


class EventClock:
    """Event time as it went on by the broker's time of append.

    >>> clock = EventClock()
    >>> for appended, at in ((1_000, 50), (3_000, 90), (2_000, 70)):
    ...     clock.add(appended, at)
    >>> clock.at(2_500), clock.at(9_999), clock.at(10)
    (70, 90, None)
    """

    def __init__(self) -> None:
        self._pairs: list[tuple[int, int]] = []
        self._run: tuple[list[int], list[int]] | None = None

    def add(self, appended_ms: int, event_ms: int) -> None:
        """Something of this event time was appended then."""
        self._pairs.append((appended_ms, event_ms))
        self._run = None

    def at(self, appended_ms: int) -> int | None:
        """The latest event time of what had been appended by then; None where nothing had."""
        if self._run is None:
            self._pairs.sort()
            events: list[int] = []
            for _, event_ms in self._pairs:
                events.append(max(event_ms, events[-1]) if events else event_ms)
            self._run = [appended for appended, _ in self._pairs], events
        place = bisect_right(self._run[0], appended_ms)
        return self._run[1][place - 1] if place else None
