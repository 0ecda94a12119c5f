"""Which rows does a model learn from: those since the change, all there are, or the newest of them?

Since a change the rows before it tell of another world, yet where little changed they are worth more than their harm;
and where the world turns slowly, without any one moment of change, the newest are worth more than all. What is better
is asked of rows that no one of them was fitted on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidemill_learning.label_time.losses import losses
from tidemill_learning.training.examples import Examples
from tidemill_learning.training.learners import Fitted
from tidemill_learning.training.split import TemporalSplit

LEAST_HALVED = 2_000
"""Rows to fit, from which half of them are tried too."""

Fit = Callable[[Examples], Fitted]


@dataclass(frozen=True, slots=True)
class Window:
    """Rows to fit on, `name`d for people, and the learner fitted on them."""

    name: str
    rows: Examples
    fitted: Fitted


def split_at(examples: Examples, event_time: int | None) -> tuple[Examples, Examples]:
    """The rows before and since an event time (None: all are since)."""
    if event_time is None:
        return examples.take(np.array([], dtype=np.int64)), examples
    since = examples.event_time >= event_time
    return examples.take(np.flatnonzero(~since)), examples.take(np.flatnonzero(since))


def best_window(found: Fitted, before: Examples, parts: TemporalSplit, fit: Fit, name: str) -> Window:
    """The window on whose rows `fit` answers best on the tune part, by its mean loss.

    `found`: the candidate as it was fitted on `parts.fit`, the window that is called `name`; `before`: rows before the
    change. A window that cannot be fitted is left out.
    """
    best = Window(name, parts.fit, found)
    loss = _loss(found, parts.tune)
    for other, rows in _others(before, parts.fit):
        try:
            fitted = fit(rows)
        except ValueError:  # too few classes among them, say
            continue
        theirs = _loss(fitted, parts.tune)
        if theirs < loss:
            best, loss = Window(other, rows, fitted), theirs
    return best


def _others(before: Examples, since: Examples) -> list[tuple[str, Examples]]:
    found = []
    if len(before):
        found.append(("all rows", before.followed_by(since)))
    if len(since) >= LEAST_HALVED:
        order = np.argsort(since.event_time, kind="stable")
        found.append(("the newest rows", since.take(np.sort(order[len(order) // 2 :]))))
    return found


def _loss(fitted: Fitted, rows: Examples) -> float:
    return float(losses(fitted.task, rows.target, fitted.score(rows.inputs), fitted.classes, fitted.scale).mean())
