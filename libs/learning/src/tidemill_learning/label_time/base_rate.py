"""The answer of somebody who knows no feature: as often as it was so far. Who is worse has learned nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.examples import Task

LONGEST = 10_000
"""Labels after which what was known so far counts half: what is usual may change."""

MOST_CLASSES = 1_000


class BaseRate:
    """Predicts each label from those before it alone; its losses are those of `losses.losses`, in [0, 1].

    `state`: what `to_state` gave.

    >>> BaseRate("binary").losses(np.array([1, 1, 1]), spread=1.0).round(3)
    array([0.25 , 0.062, 0.028])
    """

    def __init__(self, task: Task, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._task = task
        self._labels = float(state.get("labels", 0.0))
        self._sum = float(state.get("sum", 0.0))
        self._classes: dict[str, float] = dict(state.get("classes", {}))

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"labels": self._labels, "sum": self._sum, "classes": self._classes}

    def losses(self, target: NDArray[np.generic], spread: float) -> NDArray[np.float64]:
        """The loss at each of the next labels, shape [n]; takes none in. `spread` as in `losses.losses`."""
        ahead = BaseRate(self._task, self.to_state())
        return np.array(ahead._taken(target.tolist(), spread))

    def learn(self, target: NDArray[np.generic]) -> None:
        """Take in labels, shape [n]."""
        self._taken(target.tolist(), 1.0)

    def _taken(self, target: Sequence[Any], spread: float) -> list[float]:
        loss = {"binary": self._binary, "multiclass": self._class, "regression": self._value}[self._task]
        found = []
        for label in target:
            found.append(loss(label, spread))
            self._labels += 1.0
            if self._labels > LONGEST:
                self._halve()
        return found

    def _binary(self, label: Any, _: float) -> float:
        said = (self._sum + 0.5) / (self._labels + 1.0)
        self._sum += float(label)
        return float((float(label) - said) ** 2)

    def _class(self, label: Any, _: float) -> float:
        whole, name = self._labels + 1.0, str(label)
        squares = sum(count * count for count in self._classes.values()) / whole**2
        said = self._classes.get(name, 0.0) / whole
        if name in self._classes or len(self._classes) < MOST_CLASSES:
            self._classes[name] = self._classes.get(name, 0.0) + 1.0
        return min(1.0, 0.5 * (squares - 2.0 * said + 1.0))

    def _value(self, label: Any, spread: float) -> float:
        error = abs(float(label) - (self._sum / self._labels if self._labels else float(label)))
        self._sum += float(label)
        return error / (error + spread)

    def _halve(self) -> None:
        self._labels, self._sum = self._labels / 2, self._sum / 2
        self._classes = {name: count / 2 for name, count in self._classes.items()}
