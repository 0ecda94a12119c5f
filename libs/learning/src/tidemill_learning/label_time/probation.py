"""Was a version born bad: worse than the base rate, or than the version before, from its first labels on?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.label_time.contest import NEEDED, UNIT, Contest

LASTS = 2_000
"""Labels for which a version is on probation: what becomes bad later was not born so, and the world has changed. The
evidence is what a takeover needs (`contest.NEEDED`): where the version before is better, it comes back at that label.
"""

BASE_RATE = "base rate"

Gains = Mapping[str, NDArray[np.float64]]
"""By what the version is held against: how much less that lost at each label, shape [n]."""


@dataclass(frozen=True, slots=True)
class BornBad:
    """A version that was bad from its first labels on, in label time. `worse_than`: the version before, or None for the
    base rate; `labels`: since it began to serve; `label`: the number in label time of the one that decided;
    `event_time`: of that label's event, epoch ms; `loss_more`: how much more it loses a label, on average.
    """

    version: int
    worse_than: int | None
    log_evidence: float
    loss_more: float
    labels: int
    event_time: int = 0
    label: int = 0

    @property
    def detail(self) -> str:
        """One sentence for people."""
        than = BASE_RATE if self.worse_than is None else f"version {self.worse_than}"
        return (
            f"version {self.version} is worse than {'the ' if self.worse_than is None else ''}{than} from its first "
            f"{self.labels:,} labels on: {self.loss_more:.3f} more loss a label, evidence e^{self.log_evidence:.1f}, "
            f"e^{NEEDED:.1f} wanted"
        )


class Probation:
    """The version that serves, and the evidence that something simpler, or earlier, does better (`Contest`: bets that
    may be looked at at any time). `state`: what `to_state` gave.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._version: int | None = state.get("version")
        self.born_bad = bool(state.get("born_bad", False))
        """Whether the version that serves now was."""
        self._labels = int(state.get("labels", 0))
        self._more = {name: float(more) for name, more in state.get("more", {}).items()}
        self._contests = {name: Contest(wealth) for name, wealth in state.get("wealth", {}).items()}

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        wealth = {name: contest.to_state() for name, contest in self._contests.items()}
        return {
            "version": self._version, "labels": self._labels, "more": self._more, "wealth": wealth,
            "born_bad": self.born_bad,
        }  # fmt: skip

    @property
    def rivals(self) -> tuple[str, ...]:
        """What the version is held against now: the base rate, the number of the version before; nothing afterwards."""
        return tuple(self._contests)

    @property
    def left(self) -> int:
        """Labels until it is over."""
        return max(0, LASTS - self._labels) if self._contests else 0

    def begin(self, version: int, *, proved: bool = False) -> None:
        """This version serves from now on, in the place of the one before; `proved`: it was the better one on labels,
        so what comes after is no birth.
        """
        if version == self._version:
            return
        rivals = [BASE_RATE, *([str(self._version)] if self._version is not None and not proved else [])]
        self._version, self._labels, self.born_bad = version, 0, False
        self._contests, self._more = {name: Contest() for name in rivals}, dict.fromkeys(rivals, 0.0)

    def enough_at(self, gains: Gains) -> int | None:
        """Which of the next labels is the first that decides; takes none in. Of each of `gains` no more than `left`."""
        found = [contest.enough_at(gains[name], NEEDED) for name, contest in self._contests.items() if name in gains]
        return min((at for at in found if at is not None), default=None)

    def add(self, gains: Gains) -> BornBad | None:
        """Take in labels, as `enough_at`; gives that the version was born bad, once for each rival, if it is so."""
        if not self._contests or self._version is None:
            return None
        self._labels += max((len(gain) for gain in gains.values()), default=0)
        for name, contest in self._contests.items():
            if name in gains:
                contest.add(gains[name])
                self._more[name] += float(np.round(gains[name] * UNIT).sum() / UNIT)  # exact, however labels are cut
        worst = max(self._contests, key=lambda name: self._contests[name].log_evidence)
        evidence = self._contests[worst].log_evidence
        if evidence < NEEDED:
            self._contests = self._contests if self._labels < LASTS else {}
            return None
        than = None if worst == BASE_RATE else int(worst)
        del self._contests[worst]
        if self._more[worst] <= 0:
            return None  # it was good at first: the world has changed
        self.born_bad = True
        return BornBad(self._version, than, evidence, self._more[worst] / self._labels, self._labels)
