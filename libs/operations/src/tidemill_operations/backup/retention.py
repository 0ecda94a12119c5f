"""Which backups stay: the newest of each of the last days, weeks and months that have any. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Policy:
    """How many days, weeks (ISO) and months keep their newest backup. They are counted where there are backups: when no
    more are made, none goes.
    """

    daily: int = 7
    weekly: int = 4
    monthly: int = 12

    def __post_init__(self) -> None:
        if min(self.daily, self.weekly, self.monthly) < 0 or self.daily + self.weekly + self.monthly == 0:
            raise ValueError("keep at least one backup: days, weeks and months are 0 or more, and not all of them 0")


_PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
}


def kept(taken: Iterable[datetime], policy: Policy) -> dict[datetime, tuple[str, ...]]:
    """Which of these stay, and as what (`daily`, `weekly`, `monthly`). The newest always stays."""
    newest_first = sorted(set(taken), reverse=True)
    found: dict[datetime, tuple[str, ...]] = {}
    for name, period in _PERIODS.items():
        seen: set[tuple[int, ...]] = set()
        for at in newest_first:
            if period(at) not in seen and len(seen) < getattr(policy, name):
                seen.add(period(at))
                found[at] = (*found.get(at, ()), name)
    return found
