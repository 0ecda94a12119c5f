"""How fast records go through each step, by offsets at two moments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tidemill_operations.standing.groups import PROFILE

STEPS: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("events pushed", "raw", None),
    ("events validated", "raw", "validator-"),
    ("predicted", "clean", "inference-"),
    ("labels pushed", "labels_raw", None),
    ("labels validated", "labels_raw", "validator-"),
    ("watched for drift", "predictions", PROFILE),
)
"""Step, role of its topic, and how the group begins that reads it; None: what is written there."""
OVER_S: Final = 5.0
"""Speeds are means over so long, and over the time between two looks at least."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Offsets at a moment. `at_s`: of a clock that only goes on; `ends`: by topic, over its partitions; `passed` and
    `behind`: by group and topic, over the partitions that the group has committed on.
    """

    at_s: float
    ends: Mapping[str, int] = field(default_factory=dict)
    passed: Mapping[tuple[str, str], int] = field(default_factory=dict)
    behind: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """`per_s`: records a second (transaction markers among them), None until there are two looks or where nobody reads;
    `behind`: how many are left, None where nobody reads.
    """

    name: str
    per_s: float | None
    behind: int | None


class Speeds:
    """Keeps the looks of the last seconds. `prefix`: of the platform's groups."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._looks: deque[Counts] = deque()

    def add(self, counts: Counts) -> None:
        """Another look, later than those before."""
        self._looks.append(counts)
        while len(self._looks) > 2 and counts.at_s - self._looks[1].at_s >= OVER_S:
            self._looks.popleft()

    def steps(self, topics: Mapping[str, str]) -> tuple[Step, ...]:
        """The steps of one model, whose topics are named by role."""
        return tuple(self._step(name, topics[role], group) for name, role, group in STEPS)

    def _step(self, name: str, topic: str, begins: str | None) -> Step:
        if begins is None:
            return Step(name, self._speed(lambda look: look.ends.get(topic)), None)
        group = self._group(begins, topic)
        if group is None:
            return Step(name, None, None)
        behind = self._looks[-1].behind[group, topic]
        return Step(name, self._speed(lambda look: look.passed.get((group, topic))), behind)

    def _group(self, begins: str, topic: str) -> str | None:
        """Of several groups that read a topic, the one that is farthest."""
        known = self._looks[-1].behind if self._looks else {}
        found = [
            (left, group) for (group, at), left in known.items()
            if at == topic and group.removeprefix(self._prefix).startswith(begins)
        ]  # fmt: skip
        return min(found)[1] if found else None

    def _speed(self, count: Callable[[Counts], int | None]) -> float | None:
        if len(self._looks) < 2:
            return None
        first, last = self._looks[0], self._looks[-1]
        before, now, took = count(first), count(last), last.at_s - first.at_s
        # A topic or group that is made anew counts from nothing.
        return None if before is None or now is None or took <= 0 else max(0, now - before) / took
