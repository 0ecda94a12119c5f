"""Sums over event time in a bounded number of slots, however long the time is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

FINEST_MS = 60_000
MOST_SLOTS = 240


class Addable(Protocol):
    """What adds up, in any order, without changing either side."""

    def __add__(self, other: Any) -> Self: ...


T = TypeVar("T", bound=Addable)


@dataclass(frozen=True, slots=True)
class Slot(Generic[T]):
    """What came from `from_ms` (event time, epoch ms) to before `to_ms`, added up."""

    from_ms: int
    to_ms: int
    value: T


class Timeline(Generic[T]):
    """Adds values up by their time. Slots are as long as a minute, and double whenever the times span more than `most`
    (2 or more) of them; so what comes out depends on the values and their times, and not on their order.

    >>> hours = Timeline[int](most=4)
    >>> for hour in (5, 0, 2, 5):
    ...     hours.add(hour * 3_600_000, 1)
    >>> [(slot.from_ms // 60_000, slot.to_ms // 60_000, slot.value) for slot in hours.slots]
    [(0, 128, 2), (256, 384, 2)]
    """

    def __init__(self, most: int = MOST_SLOTS) -> None:
        self._most = most
        self._width = FINEST_MS
        self._slots: dict[int, T] = {}

    def add(self, at_ms: int, value: T) -> None:
        """Take in a value of this event time, epoch ms."""
        at = at_ms // self._width
        held = self._slots.get(at)
        self._slots[at] = value if held is None else held + value
        while max(self._slots) - min(self._slots) >= self._most:
            self._widen()

    @property
    def slots(self) -> list[Slot[T]]:
        """Those in which something came, in the order of time."""
        width = self._width
        return [Slot(at * width, (at + 1) * width, value) for at, value in sorted(self._slots.items())]

    def _widen(self) -> None:
        narrow, self._slots = self._slots, {}
        self._width *= 2
        for at, value in sorted(narrow.items()):
            held = self._slots.get(at // 2)
            self._slots[at // 2] = value if held is None else held + value
