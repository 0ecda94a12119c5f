"""What a policy asks of whoever makes versions, and what it gets: the engine knows no learner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.backtest.stream import Stream
from tidemill_learning.label_time.change_point import ChangePoint
from tidemill_learning.label_time.contest import Contest


class Scorer(Protocol):
    """A fitted version. `classes`: in the order of its scores; `fitted_until_ms`: time of the newest event that it has
    learned; `threshold`: from which probability on it says true, of a binary task.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def fitted_until_ms(self) -> int: ...
    @property
    def threshold(self) -> float: ...
    def score(self, inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """P(true) [n], probabilities [n, C], or values [n]."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """A version to be made of the first `labels` labels of `stream`, which were known by `cut_off_ms`.

    `change`: since when the rows tell of another world, None where that is not known; `newest`: of so many of the
    newest rows alone; `champion`: the version that serves.
    """

    stream: Stream
    labels: int
    cut_off_ms: int
    change: ChangePoint | None = None
    newest: int | None = None
    champion: Scorer | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A version. `contest`, `spread`: for `LabelTime.fitted`; `note`: what to know of it; `refused`: why it must not
    serve, where there is a rule that it does not keep. Who follows a fixed schedule asks for no rule. `fitted`: rows
    that it has learned, those of `window`; `outcome`: what its gate said (passed, undecided, failed).
    """

    scorer: Scorer
    contest: Contest | None = None
    spread: float | None = None
    note: str = ""
    refused: str = ""
    fitted: int = 0
    window: str = ""
    outcome: str = ""


Fit = Callable[[Order], Made]
"""Makes a version. Raises ValueError where the rows do not allow it. The same order gives the same version."""

Clock = Callable[[], float]
"""Seconds that only grow."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A fit that was tried after `labels` labels: the `version` that it gave, None where it gave none; `note`: why;
    `fitted`, `window`, `outcome`: as in `Made`; `changed_ms`: since when the rows tell of another world.
    """

    labels: int
    at_ms: int
    cause: str
    rows: int
    version: int | None
    seconds: float
    note: str = ""
    fitted: int = 0
    window: str = ""
    outcome: str = ""
    changed_ms: int | None = None


@dataclass(slots=True)
class Fits:
    """Tries fits and keeps what each took; an order that stood before, with no champion, is not worked on again: its
    version and its seconds are those of then.
    """

    fit: Fit
    clock: Clock
    _known: dict[tuple[int, int], tuple[Made | str, float]] = field(default_factory=dict)

    def make(self, order: Order) -> tuple[Made | str, float]:
        """The version, or why there is none; and the seconds."""
        if order.champion is not None or order.change is not None:
            return self._made(order)
        key = (order.labels, min(order.labels, order.newest or order.labels))
        if key not in self._known:
            self._known[key] = self._made(order)
        return self._known[key]

    def _made(self, order: Order) -> tuple[Made | str, float]:
        began = self.clock()
        try:
            made: Made | str = self.fit(order)
        except ValueError as error:
            made = str(error)
        return made, self.clock() - began
