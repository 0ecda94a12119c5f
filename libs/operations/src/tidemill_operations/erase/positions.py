"""Where rows came from, as the audit log keeps it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, int, str]
"""Topic, partition, and the topic's id, empty where it is not known."""


@dataclass(slots=True)
class Positions:
    """Where rows came from: offsets by place. It names no entity, and no event."""

    offsets: dict[Place, set[int]] = field(default_factory=lambda: defaultdict(set))

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.offsets.values()))

    def add(self, place: Place, offsets: Iterable[int]) -> None:
        """Take in more."""
        self.offsets[place].update(offsets)

    def update(self, other: Positions) -> None:
        """Take in all of another's."""
        for place, offsets in other.offsets.items():
            self.add(place, offsets)

    def to_dict(self) -> dict[str, str]:
        """`topic/partition` or `topic@id/partition` to ranges such as `3-7,9`, for JSON."""
        return {
            f"{topic}{f'@{topic_id}' if topic_id else ''}/{number}": _ranges(sorted(offsets))
            for (topic, number, topic_id), offsets in sorted(self.offsets.items())
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, str]) -> Positions:
        """As `to_dict` has it. Raises ValueError for anything else."""
        found = cls()
        for place, ranges in written.items():
            name, _, number = place.rpartition("/")
            topic, _, topic_id = name.partition("@")
            for one in ranges.split(","):
                first, _, last = one.partition("-")
                found.add((topic, int(number), topic_id), range(int(first), int(last or first) + 1))
        return found

    def within(self, ranges: Iterable[Mapping[str, Any]]) -> int:
        """How many of them lie in the offset ranges of a data set (`topic`, `partition`, `first`, `last`)."""
        bounds: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        for one in ranges:
            bounds[one["topic"], one["partition"]].append((one["first"], one["last"]))
        return sum(
            any(first <= offset <= last for first, last in bounds.get((topic, number), ()))
            for (topic, number, _), offsets in self.offsets.items()
            for offset in offsets
        )


def _ranges(offsets: list[int]) -> str:
    parts: list[list[int]] = []
    for offset in offsets:
        if parts and parts[-1][1] == offset - 1:
            parts[-1][1] = offset
        else:
            parts.append([offset, offset])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in parts)
