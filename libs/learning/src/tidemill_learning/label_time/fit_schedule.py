"""When is it time to learn anew? After so many rows since the change, under a budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.quantities import milliseconds

AFTER_CHANGE = 250
"""Rows since a change at which the first fit follows; the next at four times as many."""

GROWTH_AFTER_CHANGE = 4
GROWTH_AT_FIRST = 2
"""Of the first concept: its first version has many rows already."""

LEAST_GROWTH = 4
"""A fit follows another one with a quarter more rows at least."""

AT_START = 3
MOST_SAVED = 5
"""Tokens at the start, and at most: so many fits may follow one another closely."""

RESERVED = 1
"""A token that the growth of the first concept leaves for a change."""

RESERVED_BY_PAYING = 2
"""Tokens that fits leave for a change which follow one another for as long as they pay."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `fits` in any stretch of `rows` labelled rows, on average: a token bucket. `cooldown_ms`: of label time,
    after an alarm; what looks like another change within it waits for its end, and is noise unless it lasts until then.
    `mixtures`: at most so many in so many labelled rows; 0 of them: each version serves alone.
    """

    fits: int = 15
    rows: int = 40_000
    cooldown_ms: int = 0
    mixtures: tuple[int, int] = (0, 1)

    @property
    def rows_per_token(self) -> float:
        """Labelled rows after which one more fit is allowed."""
        return self.rows / max(1, self.fits - min(AT_START, self.fits))


def budget_of(spec: ModelSpec) -> Budget:
    """What the model file allows (`retrain`)."""
    return Budget(*spec.retrain.fits, cooldown_ms=milliseconds(spec.retrain.cooldown), mixtures=spec.retrain.mixtures)


class FitSchedule:
    """Fits at 250, 1,000, 4,000, 16,000 ... rows since a change; at first at `first_after` rows and each time that they
    have doubled. What is due waits for a token of the `budget`.

    Learning on all rows since the change, each time that they have grown by a factor, costs a logarithm of fits and is
    never far behind what the rows could teach. Where the version of such a fit has taken over, the rows since have more
    to teach than was thought (the world turns slowly): the next fit follows as soon as the budget has one more token,
    and so on while they pay.

    >>> schedule = FitSchedule(first_after=2_000, budget=Budget())
    >>> schedule.due(1_999), schedule.due(2_000)
    (False, True)
    """

    def __init__(self, first_after: int, budget: Budget, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._budget = budget
        self._next = int(state.get("next", first_after))
        self._growth = int(state.get("growth", GROWTH_AT_FIRST))
        self._tokens = float(state.get("tokens", min(AT_START, budget.fits)))
        self._versions = bool(state.get("versions", False))
        self._last = int(state.get("last", 0))
        self._pays: int | None = state.get("pays")

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "next": self._next, "growth": self._growth, "tokens": self._tokens, "versions": self._versions,
            "last": self._last, "pays": self._pays,
        }  # fmt: skip

    @property
    def next_at(self) -> int:
        """Rows since the change at which the next fit is due."""
        return self._next

    @property
    def tokens(self) -> float:
        """Fits that the budget allows now."""
        return self._tokens

    def label(self) -> None:
        """A label became known."""
        self._tokens = min(float(MOST_SAVED), self._tokens + 1.0 / self._budget.rows_per_token)

    def changed(self) -> None:
        """There was a change: rows are counted anew."""
        self._next, self._growth, self._last = AFTER_CHANGE, GROWTH_AFTER_CHANGE, 0
        self._pays = None

    def due(self, rows: int) -> bool:
        """Whether a fit is due with so many rows since the change."""
        kept = RESERVED if self._growth == GROWTH_AT_FIRST and self._versions else 0
        grown = rows >= self._next and self._tokens >= 1.0 + kept
        pays = self._pays is not None and rows >= self._pays and self._tokens >= 1.0 + RESERVED_BY_PAYING
        return grown or pays

    def fitted(self, rows: int) -> None:
        """A fit on so many rows was asked for: it costs a token, whatever comes of it."""
        self._tokens -= 1.0
        self._last, self._pays = rows, None
        while self._next < rows + max(1, rows // LEAST_GROWTH):
            self._next *= self._growth

    def paid(self) -> None:
        """A version took over from another one: what it learned was worth learning."""
        if self._last:
            self._pays = self._last + math.ceil(self._budget.rows_per_token)

    def made(self) -> None:
        """There is a version."""
        self._versions = True

    def failed(self, rows: int) -> None:
        """The fit on so many rows gave no version: the first one may be tried again whatever the budget is."""
        if not self._versions:
            self._tokens += 1.0
        self._next = min(self._next, rows + max(1, rows // LEAST_GROWTH))
