"""Which rows does a model learn from: those since the change, all there are, or the newest of them?

Since a change the rows before it tell of another world, yet where little changed they are worth more than their harm;
and where the world turns slowly, without any one moment of change, the newest are worth more than all. What is better
is asked of rows that no one of them was fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.label_time.losses import losses
from tidemill_learning.training.examples import Examples
from tidemill_learning.training.learners import Fitted
from tidemill_learning.training.split import TemporalSplit

LEAST_HALVED = 2_000
"""Rows to fit, from which half of them are tried too."""

CHANCE = 1.0
"""Standard errors by which fewer rows must be better than more."""

Fit = Callable[[Examples], Fitted]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """Rows to fit on, `name`d for people, and the learner fitted on them. `newest`: it is so many rows and ends with
    the newest one there is; None: it begins where it begins, and every row after that is of it.
    """

    name: str
    rows: Examples
    fitted: Fitted
    newest: int | None = None

    def reaching(self, rows: Examples) -> Examples:
        """The same window, now that there are these rows, among them those of the window and later ones."""
        if self.newest is None:
            return rows.take(np.flatnonzero(rows.event_time >= self.rows.event_time.min()))
        return newest_of(rows, self.newest)


def split_at(examples: Examples, event_time: int | None) -> tuple[Examples, Examples]:
    """The rows before and since an event time (None: all are since)."""
    if event_time is None:
        return examples.take(np.array([], dtype=np.int64)), examples
    since = examples.event_time >= event_time
    return examples.take(np.flatnonzero(~since)), examples.take(np.flatnonzero(since))


def best_window(found: Fitted, before: Examples, parts: TemporalSplit, fit: Fit, name: str) -> Window:
    """The window on whose rows `fit` answers best on the tune part, by its mean loss; of what cannot be told apart, the
    one with more rows.

    `found`: the candidate as it was fitted on `parts.fit`, the window that is called `name`; `before`: rows before the
    change. The newest half of the rows is tried, and the newest half of those while that helps. A window that cannot
    be fitted is left out.
    """
    best, loss = Window(name, parts.fit, found), _losses(found, parts.tune)
    if len(before):
        whole, theirs = _tried("all rows", before.followed_by(parts.fit), parts, fit)
        if whole is not None and not _better(loss, theirs):
            best, loss = whole, theirs
    rows = parts.fit
    while len(rows) >= LEAST_HALVED:
        rows = newest_of(rows, len(rows) // 2)
        half, theirs = _tried("the newest rows", rows, parts, fit, len(rows))
        if half is None or not _better(theirs, loss):
            break
        best, loss = half, theirs
    return best


def _tried(
    name: str, rows: Examples, parts: TemporalSplit, fit: Fit, newest: int | None = None
) -> tuple[Window | None, Floats]:
    try:
        fitted = fit(rows)
    except ValueError:  # too few classes among them, say
        return None, np.empty(0)
    return Window(name, rows, fitted, newest), _losses(fitted, parts.tune)


def _better(ours: Floats, theirs: Floats) -> bool:
    """Whether our losses on the same rows are lower, by more than chance would often make them."""
    gain = theirs - ours
    return float(gain.mean()) > CHANCE * float(gain.std()) / math.sqrt(len(gain))


def newest_of(rows: Examples, count: int) -> Examples:
    """The newest `count` of some rows, by event time."""
    order = np.argsort(rows.event_time, kind="stable")
    return rows.take(np.sort(order[max(0, len(order) - count) :]))


def _losses(fitted: Fitted, rows: Examples) -> Floats:
    return losses(fitted.task, rows.target, fitted.score(rows.inputs), fitted.classes, fitted.scale)
