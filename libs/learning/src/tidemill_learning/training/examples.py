"""Labelled examples: what every part of training works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One named input of the graph.

    `kind` is `category` (object array of str, null as `""`), `number` or `time` (float64, null as
    NaN). `missing` is how the model file wants nulls of a number filled; `None` leaves it to the learner.
    """

    name: str
    kind: Literal["category", "number", "time"]
    missing: Literal["median", "zero"] | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """`n` labelled rows in order of event time.

    `inputs`: per input name an array of shape [n, 1]; `target`: int64 0/1 (binary), object str (multiclass) or float64
    (regression), shape [n]; `event_time` and `observed_at`: int64 epoch milliseconds, shape [n]; `position`: int64,
    where each example stands in the table that it came from, shape [n].
    """

    inputs: dict[str, NDArray[np.generic]]
    target: NDArray[np.generic]
    event_time: NDArray[np.int64]
    observed_at: NDArray[np.int64]
    position: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: NDArray[np.int64]) -> Examples:
        """The examples at these positions, in this order."""
        return Examples(
            {name: column[rows] for name, column in self.inputs.items()},
            self.target[rows],
            self.event_time[rows],
            self.observed_at[rows],
            self.position[rows],
        )

    def followed_by(self, later: Examples) -> Examples:
        """These examples and then `later`."""
        return Examples(
            {name: np.concatenate([column, later.inputs[name]]) for name, column in self.inputs.items()},
            np.concatenate([self.target, later.target]),
            np.concatenate([self.event_time, later.event_time]),
            np.concatenate([self.observed_at, later.observed_at]),
            np.concatenate([self.position, later.position]),
        )
