"""A world for mixtures: labels, what each version answers to each of them, and whoever plays it in label time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tidemill_learning.label_time.change_detector import Place
from tidemill_learning.label_time.fit_schedule import Budget
from tidemill_learning.label_time.loop import Answers, Decision, LabelledRows, LabelTime, MixDue

FIRST = 500
ON = Budget(mixtures=(40, 40_000))
Floats = np.ndarray


@dataclass
class World:
    """n rows of a binary target. `answers`: of versions 1, 2, ..., [n] each, which the fits give in turn (the first at
    row 500, the next at 1,000 ...); a fit beyond them gives nothing. `can`: whether a mixture can be made.
    """

    labels: Floats
    answers: Mapping[int, Floats]
    budget: Budget = ON
    can: Callable[[MixDue], bool] = lambda due: True
    said: list[Decision] = field(default_factory=list)

    def play(self, cuts: tuple[int, ...] = (), *, restart: bool = False) -> LabelTime:
        """All labels, in batches that end at `cuts`, with a restart after each step if wanted."""
        loop, known = LabelTime("binary", FIRST, self.budget), dict(self.answers)
        fits = iter(sorted(self.answers))
        self.said = []
        for begin, end in zip([0, *cuts], [*cuts, len(self.labels)], strict=True):
            at = begin
            while at < end:
                places = [Place(k) for k in range(at, end)]
                rows = LabelledRows(self.labels[at:end], np.arange(at, end, dtype=np.int64), places)
                taken, decisions = loop.learn(rows, {v: Answers(known[v][at:end]) for v in loop.versions})
                self.said += decisions
                at += taken
                if loop.awaits:
                    self._answer(
                        loop, decisions[-1], known, next(fits, None) if not isinstance(decisions[-1], MixDue) else None
                    )
                if restart:
                    loop = LabelTime("binary", FIRST, self.budget, json.loads(json.dumps(loop.to_state())))
        return loop

    def _answer(self, loop: LabelTime, due: Decision, known: dict[int, Floats], fitted: int | None) -> None:
        if isinstance(due, MixDue):
            if not self.can(due):
                loop.unmixed()
                return
            version = 100 + len(known)
            known[version] = sum((weight * known[member] for member, weight in due.members), np.zeros(len(self.labels)))
            self.said.append(loop.mixed(version))
        elif fitted is None:
            loop.unfitted()
        else:
            took = loop.fitted(fitted)
            self.said += [took] if took else []


def halves(rows: int = 4_000, seed: int = 1, noise: float = 0.25) -> World:
    """Two versions that are as good as each other and err apart: what both say together is better than either."""
    rng = np.random.default_rng(seed)
    truth = np.clip(rng.normal(0.5, 0.25, rows), 0.02, 0.98)
    labels = (rng.random(rows) < truth).astype(np.int64)
    said = {v: np.clip(truth + rng.normal(0, noise, rows), 0.02, 0.98) for v in (1, 2)}
    return World(labels, said)
