"""Values that a version has never learned from: a category of a feature, a class of the label."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

AT_ONCE = 200
"""Values from which a share is believed; windows of fewer add up."""

SHARE = 0.01
LEAST = 5
"""Share and number from which a value that is new is told: a misspelt one is a matter of expectations."""

MOST_VALUES = 100
"""New values of one subject that are counted at a time."""


@dataclass(frozen=True, slots=True)
class New:
    """A value that the version does not know: `count` times in `total`."""

    value: str
    count: int
    total: int

    @property
    def share(self) -> float:
        """Of all values."""
        return self.count / self.total


class Novelty:
    """Counts values that are not known, by subject. `state`: what `to_state` gave.

    >>> novelty = Novelty()
    >>> novelty.take("carrier", {"UA": 180}, 180, {"UA"}), novelty.take("carrier", {"UA": 10, "ZZ": 10}, 20, {"UA"})
    ([], [New(value='ZZ', count=10, total=200)])
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._totals: dict[str, int] = dict(state.get("totals", {}))
        self._new: dict[str, dict[str, int]] = {name: dict(new) for name, new in state.get("new", {}).items()}
        self._there: dict[str, list[str]] = {name: list(new) for name, new in state.get("there", {}).items()}

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"totals": self._totals, "new": self._new, "there": self._there}

    @property
    def there(self) -> bool:
        """Whether the newest windows held any that was told."""
        return any(self._there.values())

    def take(self, subject: str, counts: Mapping[str, int], total: int, known: Container[str]) -> list[New]:
        """Take in a window's values; gives those that are new, each when it comes up."""
        new = self._new.setdefault(subject, {})
        for value in sorted(counts.keys() - new.keys()):
            if value not in known and len(new) < MOST_VALUES:
                new[value] = 0
        for value in new:
            new[value] += counts.get(value, 0)
        self._totals[subject] = self._totals.get(subject, 0) + total
        if self._totals[subject] < AT_ONCE:
            return []
        found = [New(value, count, self._totals[subject]) for value, count in sorted(new.items())]
        found = [one for one in found if one.count >= LEAST and one.share >= SHARE]
        before = self._there.get(subject, [])
        self._there[subject] = [one.value for one in found]
        self._totals[subject], self._new[subject] = 0, {}
        return [one for one in found if one.value not in before]
