"""Tidemill's own policy: label time decides when to fit and who serves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.backtest.fitting import Fits, Made, Order, Tried
from tidemill_learning.backtest.mixture import MixedVersion
from tidemill_learning.backtest.playing import Advance, Alarm, Played, Release, Version, answers
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.label_time.change_detector import Place
from tidemill_learning.label_time.fit_schedule import Budget
from tidemill_learning.label_time.loop import Answers, Changed, Decision, FitDue, LabelledRows, LabelTime, MixDue
from tidemill_learning.label_time.pool import Takeover

AT_ONCE = 512
"""Labels that are handed to label time at once: any number leads to the same decisions."""


@dataclass(slots=True)
class Tidemill:
    """`LabelTime` with a stream's labels, in the order in which they came: the live loop's decisions. A fit takes no
    event time: label time waits for it. `on_quality`: whether the model file wants fits after the first one
    (`retrain.on`).
    """

    name: str
    first_after: int
    budget: Budget
    fits: Fits
    at_once: int = AT_ONCE
    on_quality: bool = True

    def play(self, stream: Stream, advance: Advance) -> Played:
        """Play the stream."""
        return _Play(self, stream).through(advance)


@dataclass(slots=True)
class _Play:
    policy: Tidemill
    stream: Stream
    versions: dict[int, Version] = field(default_factory=dict)
    """Those that may still answer: of the pool, and released ones."""
    made: int = 0
    fits: list[Tried] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)

    def through(self, advance: Advance) -> Played:
        policy, stream = self.policy, self.stream
        loop = LabelTime(stream.task, policy.first_after, policy.budget)
        began, at = policy.fits.clock(), 0
        while at < len(stream):
            rows = stream.order[at : at + policy.at_once]
            taken, decisions = loop.learn(self._labelled(rows), self._answers(loop, rows))
            at += taken
            for decision in decisions:
                self._note(decision)
            if loop.awaits:
                self._made(loop, decisions[-1])
            advance(at, len(stream))
        seconds = policy.fits.clock() - began - sum(fit.seconds for fit in self.fits)
        scores, decided_at = answers(stream, self.versions, self.releases)
        return Played(scores, self.fits, self.alarms, self.releases, max(0.0, seconds), decided_at)

    def _labelled(self, rows: NDArray[np.int64]) -> LabelledRows:
        stream = self.stream
        times = stream.event_time[rows]
        places = [Place(time, offset=row) for time, row in zip(times.tolist(), rows.tolist(), strict=True)]
        return LabelledRows(stream.target[rows], stream.observed_at[rows], places)

    def _answers(self, loop: LabelTime, rows: NDArray[np.int64]) -> dict[int, Answers]:
        versions = {number: self.versions[number] for number in loop.versions}
        return {number: Answers(one.scores(rows), one.scorer.classes) for number, one in versions.items()}

    def _made(self, loop: LabelTime, due: Decision) -> None:
        if isinstance(due, MixDue):
            self._mix(loop, due)
        elif isinstance(due, FitDue):
            self._fit(loop, due)

    def _mix(self, loop: LabelTime, due: MixDue) -> None:
        self.made += 1
        self.versions[self.made] = MixedVersion([(self.versions[v], weight) for v, weight in due.members], self.stream)
        self._note(loop.mixed(self.made))
        self._forget(loop)

    def _fit(self, loop: LabelTime, due: FitDue) -> None:
        if due.cause != "first_data" and not self.policy.on_quality:
            loop.unfitted()
            return
        champion = self.versions[loop.champion].scorer if loop.champion is not None else None
        order = Order(self.stream, due.label, due.cut_off_ms, change=due.change, champion=champion)
        made, seconds = self.policy.fits.make(order)
        number = self.made + 1
        good = not isinstance(made, str) and not made.refused
        self.fits.append(_tried(due, made, number if good else None, seconds))
        if isinstance(made, str) or made.refused:
            loop.unfitted()
            return
        self.made = number
        self.versions[number] = Version(made.scorer, self.stream)
        takeover = loop.fitted(number, made.contest, made.spread)
        if takeover is not None:
            self._note(takeover)
        self._forget(loop)

    def _forget(self, loop: LabelTime) -> None:
        kept = {*loop.versions, *(release.version for release in self.releases)}
        self.versions = {k: version for k, version in self.versions.items() if k in kept}

    def _note(self, decision: Decision) -> None:
        if isinstance(decision, Takeover):
            at = self._known_at(decision.label)
            self.releases.append(Release(decision.version, decision.label, at, decision.detail, decision.mixture))
        elif isinstance(decision, Changed):
            self.alarms.append(self._alarm(decision))

    def _alarm(self, changed: Changed) -> Alarm:
        at, change, time = self._known_at(changed.label), changed.change, self.stream.event_time
        rows = np.searchsorted(time, at, side="right") - np.searchsorted(time, change.event_time, side="left")
        return Alarm(
            changed.version, changed.label, at, change.event_time, change.earliest, change.latest, int(rows)
        )  # fmt: skip

    def _known_at(self, label: int) -> int:
        return int(self.stream.observed_at[self.stream.order[label - 1]])


def _tried(due: FitDue, made: Made | str, version: int | None, seconds: float) -> Tried:
    changed = due.change.event_time if due.change else None
    asked = (due.label, due.cut_off_ms, due.cause, due.rows, version, seconds)
    if isinstance(made, str):
        return Tried(*asked, made, changed_ms=changed)
    note = made.refused or made.note
    return Tried(*asked, note, made.fitted, made.window, made.outcome, changed)
