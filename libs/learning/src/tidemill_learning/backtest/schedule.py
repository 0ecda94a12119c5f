"""Policies that ask nothing: one model for ever, or a new one after every so many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidemill_learning.backtest.fitting import Fits, Order, Tried
from tidemill_learning.backtest.playing import Advance, Played, Release, Version, answers
from tidemill_learning.backtest.stream import Stream

NEVER = "never"

EVERY = (1_000, 2_500, 5_000, 10_000)
NEWEST = (1_000, 2_500, 10_000, None)
"""The grid of which the best is taken in hindsight; None: all rows."""


@dataclass(slots=True)
class Schedule:
    """A version at `first_after` labels (or as soon after it as the rows allow one, in steps of a quarter), then one
    after every `every` labels (None: never) on the `newest` rows (None: all). Each is released as it is made.
    """

    name: str
    first_after: int
    every: int | None
    newest: int | None
    fits: Fits

    def play(self, stream: Stream, advance: Advance) -> Played:
        """Play the stream."""
        began, labels = self.fits.clock(), self.first_after
        tried: list[Tried] = []
        versions: dict[int, Version] = {}
        releases: list[Release] = []
        while labels <= len(stream):
            at = int(stream.observed_at[stream.order[labels - 1]])
            made, seconds = self.fits.make(Order(stream, labels, at, newest=self.newest))
            rows, cause = min(labels, self.newest or labels), "schedule" if versions else "first_data"
            if isinstance(made, str):
                tried.append(Tried(labels, at, cause, rows, None, seconds, made))
            else:
                number = len(versions) + 1
                tried.append(Tried(labels, at, cause, rows, number, seconds, made.note, made.fitted, made.window))
                versions[number] = Version(made.scorer, stream)
                releases.append(Release(number, labels, at, f"version {number} was due"))
            following = self._following(labels, len(versions))
            if following is None:
                break
            labels = following
            advance(min(labels, len(stream)), len(stream))
        scores, decided_at = answers(stream, versions, releases)
        advance(len(stream), len(stream))
        spent = self.fits.clock() - began
        seconds = max(0.0, spent - sum(fit.seconds for fit in tried))
        return Played(scores, tried, (), releases, seconds, decided_at)

    def _following(self, labels: int, versions: int) -> int | None:
        if not versions:
            return labels + max(1, labels // 4)
        return None if self.every is None else labels + self.every


def never(first_after: int, fits: Fits) -> Schedule:
    """The first version serves for ever."""
    return Schedule(NEVER, first_after, None, None, fits)


def schedules(
    first_after: int, fits: Fits, every: Sequence[int] = EVERY, newest: Sequence[int | None] = NEWEST
) -> list[Schedule]:
    """One for each pair."""
    return [
        Schedule(f"every {n:,} on {'all' if w is None else f'{w:,}'}", first_after, n, w, fits)
        for n in every
        for w in newest
    ]
