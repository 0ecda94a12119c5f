"""Profiles of all partitions in the order of their time, once no earlier one is to be expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.contracts.events.profiles import Profile

WINDOWS_BEHIND = 16
"""A partition is not waited for once so many windows for each partition are held back: it is idle, or far
slower.

Not fewer: a process that catches up reads one partition some windows ahead of the others.
"""

Item = dict[str, Any]
EXTENT = ("topic", "partition", "first_offset", "last_offset", "started_at", "ended_at")


def place_of(profile: Profile) -> Item:
    """Where a profile lies: of which log, offsets, times and window."""
    return {name: getattr(profile, name) for name in (*EXTENT, "window")}


class WindowOrder:
    """One kind of profile of one model. Depends only on the sequence of profiles that it is given; and where it waits
    and no partition lags beyond `WINDOWS_BEHIND`, on the sequence of each partition alone: not on how they were
    interleaved, and so neither on how many processes wrote them nor on which of them died.

    A repeat is known by its window, which grows with every profile of a partition, and by its topic: one that was made
    anew begins again with the first window, and profiles of the one before are repeats then. A profile is released
    when every partition has passed its place in the order: by a later profile, or by a seal, which says that
    the partition is idle. That place is the latest end of its partition so far (a window may end before an earlier
    one), then window, then partition. REST clients may never ask about the entities of a partition, or no
    more: `known_only` waits for none that has had no profile, `waits=False` for none at all.
    """

    def __init__(self, state: Mapping[str, Any] | None = None, *, known_only: bool = False, waits: bool = True) -> None:
        state = state or {}
        self._known_only, self._waits = known_only, waits
        self._last: dict[str, int] = dict(state.get("last", {}))
        self._ended: dict[str, int] = dict(state.get("ended", {}))
        self._topics: dict[str, list[str]] = dict(state.get("topics", {}))
        self._sealed: set[str] = set(state.get("sealed", []))
        self._waiting: list[Item] = list(state.get("waiting", []))

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "last": self._last,
            "ended": self._ended,
            "sealed": sorted(self._sealed),
            **({"topics": self._topics} if self._topics else {}),
            "waiting": self._waiting,
        }

    def is_new(self, profile: Profile) -> bool:
        """Whether the profile says something new; takes note of it."""
        partition = str(profile.partition)
        if self.is_former(profile):
            return False
        if self.is_anew(profile):
            self._topics.setdefault(partition, []).append(profile.topic_id or "")
            self._last |= {partition: -1} if partition in self._last else {}
        if profile.sealed:
            self._sealed.add(partition)
            return True
        if profile.window <= self._last.get(partition, -1):
            return False
        self._last[partition] = profile.window
        self._ended[partition] = max(profile.ended_at, self._ended.get(partition, 0))
        self._sealed.discard(partition)
        return True

    def is_anew(self, profile: Profile) -> bool:
        """Whether the profile is the first of a topic that was made anew."""
        return bool(profile.topic_id) and profile.topic_id not in self._topics.get(str(profile.partition), [])

    def is_former(self, profile: Profile) -> bool:
        """Whether the profile is of a topic that another one of the same name has followed."""
        known = self._topics.get(str(profile.partition), [])
        return (profile.topic_id or "") in ["", *known][:-1] if known else False

    def hold(self, profile: Profile, content: Any, traceparent: str | None = None, **also: Any) -> None:
        """Keep a new profile's content until its turn has come; its trace context, if it has one, and what else is
        given, as plain JSON.
        """
        traced = {"traceparent": traceparent} if traceparent is not None else {}
        at = self._ended[str(profile.partition)]
        self._waiting.append({**place_of(profile), "at": at, **traced, **also, "content": content})

    def width(self, partitions: int) -> int:
        """Profiles that make one merged window: one of each of `partitions`, as far as they are waited for."""
        return max(1, len(self._last)) if self._known_only else partitions

    def release(self, partitions: int) -> list[Item]:
        """What can be looked at now, in order."""
        self._waiting.sort(key=_turn)
        waited_for = self._last if self._known_only else map(str, range(partitions))
        expected = [p for p in waited_for if p not in self._sealed] if self._waits else []
        next_of = ((self._ended.get(p, -1), self._last.get(p, -1) + 1, int(p)) for p in expected)
        earliest = min(next_of, default=None)
        ready = [item for item in self._waiting if earliest is None or _turn(item) < earliest]
        too_many = len(self._waiting) - WINDOWS_BEHIND * partitions
        ready = self._waiting[: max(len(ready), too_many, 0)]
        self._waiting = self._waiting[len(ready) :]
        return ready

    def drop(self) -> None:
        """Forget what waits: it belongs to another version."""
        self._waiting = []


def _turn(item: Item) -> tuple[int, int, int]:
    """Where an item stands in the order. Those that were held before `at` was noted have their own end."""
    at: int = item["at"] if "at" in item else item["ended_at"]
    return at, item["window"], item["partition"]
