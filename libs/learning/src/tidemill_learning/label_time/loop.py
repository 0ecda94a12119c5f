"""The loop in label time: labelled rows in, and out what follows: a change, a fit, a version that takes over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.label_time.base_rate import BaseRate
from tidemill_learning.label_time.change_point import ChangePoint
from tidemill_learning.label_time.contest import NEEDED, Contest
from tidemill_learning.label_time.decisions import Changed, Decision, FitDue, LabelledRows
from tidemill_learning.label_time.fit_schedule import Budget, FitSchedule
from tidemill_learning.label_time.losses import losses, surprises
from tidemill_learning.label_time.mixture.answers import Answers
from tidemill_learning.label_time.mixture.mixing import MixDue, Mixing
from tidemill_learning.label_time.pool import Members, Pool, Takeover
from tidemill_learning.label_time.probation import BASE_RATE, BornBad, Probation
from tidemill_learning.label_time.watch import Watch
from tidemill_learning.training.examples import Task

__all__ = [
    "Answers", "BornBad", "Changed", "Decision", "FitDue", "LabelTime", "LabelledRows", "MixDue", "Takeover",
]  # fmt: skip


class LabelTime:
    """One model's loop. A function of the sequence of labelled rows and of the versions that the fits gave: how the
    rows are cut into batches changes nothing, nor does how long a fit takes, for label time waits for it.

    `first_after`: labelled rows that the first version wants; `state`: what `to_state` gave.

    Use: `taken, decisions = learn(rows, answers)`; after a `FitDue` (it is the last of the decisions then, and `awaits`
    is set) fit, call `fitted` or `unfitted`, score the rows that were not taken by the versions of now, and go on. The
    same after a `MixDue`, with `mixed` or `unmixed`; there is none where the budget allows no mixtures.
    """

    def __init__(self, task: Task, first_after: int, budget: Budget, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._task = task
        self._watch = Watch(budget.cooldown_ms, state)
        self._schedule = FitSchedule(first_after, budget, state.get("schedule"))
        self._pool = Pool(state.get("pool"))
        self._mixing = Mixing(task, budget, state.get("mixing"))
        self._mixing.follow(self._pool)
        self._change = ChangePoint.from_dict(state["change"]) if state.get("change") else None
        self._concept, self._rows, self._labels, self._cut_off = (
            int(state.get(name, 0)) for name in ("concept", "rows", "labels", "cut_off")
        )
        self._base_rate = BaseRate(task, state.get("base_rate"))
        self._probation = Probation(state.get("probation", {"version": self._pool.champion}))
        self._fresh = bool(state.get("fresh", False))
        self._spread = float(state.get("spread", 1.0))
        self.awaits: bool = bool(state.get("awaits", False))

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            **self._watch.to_state(), "schedule": self._schedule.to_state(), "pool": self._pool.to_state(),
            "change": self._change.to_dict() if self._change else None, "concept": self._concept, "rows": self._rows,
            "labels": self._labels, "cut_off": self._cut_off, "fresh": self._fresh, "spread": self._spread,
            "awaits": self.awaits, "base_rate": self._base_rate.to_state(), "probation": self._probation.to_state(),
            "mixing": self._mixing.to_state(),
        }  # fmt: skip

    @property
    def champion(self) -> int | None:
        """The version that is to serve."""
        return self._pool.champion

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions whose answers `learn` wants, the champion among them."""
        return self._pool.versions

    @property
    def change(self) -> ChangePoint | None:
        """The last change."""
        return self._change

    @property
    def rows(self) -> int:
        """Labelled rows since the last change."""
        return self._rows

    @property
    def fits_left(self) -> float:
        """Fits that the budget allows now."""
        return self._schedule.tokens

    @property
    def unanswered(self) -> bool:
        """Whether a change was found, and no version has been learned since."""
        return self._change is not None and not self._pool.has_learned(self._concept)

    @property
    def held_back(self) -> bool:
        """Whether rows enough for the next fit are there, and the budget does not allow it."""
        return self._rows >= self._schedule.next_at and not self._schedule.due(self._rows)

    @property
    def mix_due(self) -> MixDue | None:
        """The mixture that is awaited, if one is."""
        return self._mixing.due

    @property
    def born_bad(self) -> bool:
        """Whether the version that serves was bad from its first labels on."""
        return self._probation.born_bad

    def crown(self, version: int, mixture: Members = ()) -> None:
        """A person released this version: it serves from now on. `mixture`: its members, where it is one."""
        if version not in self._pool.versions:
            self._pool.add(version, self._concept, mixture=mixture)
        if version != self._pool.champion:
            self._pool.crown(version)
        self._mixing.follow(self._pool)

    def fitted(self, version: int, contest: Contest | None = None, spread: float | None = None) -> Takeover | None:
        """The fit that was due made this version; `contest`: what its hold-out told against the champion. The first
        one says the `spread` of a regression's target. Gives whether it takes over at once.
        """
        self.awaits = False
        self._schedule.made()
        if self._pool.champion is None and spread:
            self._spread = spread
        return self._taken(self._pool.add(version, self._concept, contest))

    def unfitted(self) -> None:
        """The fit that was due gave no version: it is due again when a quarter more rows are there."""
        self.awaits = False
        self._schedule.failed(self._rows)

    def mixed(self, version: int) -> Takeover:
        """The mixture that was due is this version: it takes over."""
        due = self._mixing.ended()
        self.awaits = False
        self._pool.add(version, self._concept, mixture=due.members)
        return self._mixture_serves(version, due, due.members)

    def unmixed(self) -> None:
        """The mixture that was due could not be made: the evidence for one begins anew."""
        self._mixing.ended()
        self.awaits = False

    def learn(self, rows: LabelledRows, answers: Mapping[int, Answers]) -> tuple[int, list[Decision]]:
        """Take in labelled rows; gives how many were taken, and what follows. All are, unless a fit or a mixture is due
        before.

        `answers`: of each of `versions`, to all of these rows. Raises ValueError while one of them is awaited.
        """
        if self.awaits:
            raise ValueError("a fit or a mixture is due: label time goes on after it")
        loss = {v: losses(self._task, rows.target, a.scores, a.classes, self._spread) for v, a in answers.items()}
        self._mixing.look(rows.target, answers, self._spread)
        taken = 0
        decisions: list[Decision] = []
        while taken < len(rows) and not self.awaits:
            champion = self._pool.champion
            gains, lost = _gains(loss, champion, taken), _NOTHING if champion is None else loss[champion][taken:]
            held = self._held_against(rows, loss, taken)
            deciding = self._pool.enough_at(gains), self._probation.enough_at(held), self._mixing.enough_at(lost)
            end = min((taken + at + 1 for at in deciding if at is not None), default=len(rows))
            watched = None
            if champion is not None:
                scores = answers[champion].scores[taken:end]
                watched = surprises(self._task, lost[: end - taken], scores).tolist(), lost[: end - taken].tolist()
            stop, due, found = self._watched(rows, taken, end, watched)
            decisions += [*found, *self._born_bad(rows, held, taken, stop)]
            mix_due = self._mixing.learn(stop - taken, lost)
            takeover = self._taken(self._pool.learn({v: gain[: stop - taken] for v, gain in gains.items()}))
            decisions += [takeover] if takeover is not None else []
            if due:
                decisions.append(self._due())
            elif mix_due and takeover is None:
                decisions.append(self._mix_due())
            taken = stop
        return taken, decisions

    def _held_against(
        self, rows: LabelledRows, loss: Mapping[int, NDArray[np.float64]], begin: int
    ) -> dict[str, NDArray[np.float64]]:
        """While the champion is on probation: how much less the base rate and the version before lose a label."""
        champion = self._pool.champion
        if champion is None:
            return {}
        self._probation.begin(champion)
        end = begin + self._probation.left
        its = loss[champion][begin:end]
        held = {str(v): its - other[begin:end] for v, other in loss.items() if str(v) in self._probation.rivals}
        if self._probation.left:
            held[BASE_RATE] = its - self._base_rate.losses(rows.target[begin:end], self._spread)
        return held

    def _born_bad(
        self, rows: LabelledRows, held: Mapping[str, NDArray[np.float64]], begin: int, stop: int
    ) -> list[BornBad]:
        self._base_rate.learn(rows.target[begin:stop])
        found = self._probation.add({name: gain[: stop - begin] for name, gain in held.items()})
        if found is None:
            return []
        if found.worse_than is not None:
            self._pool.changed()  # the version before comes back on the usual evidence
        return [replace(found, event_time=rows.places[stop - 1].event_time, label=self._labels)]

    def _watched(
        self, rows: LabelledRows, begin: int, end: int, watched: tuple[list[float], list[float]] | None
    ) -> tuple[int, bool, list[Changed]]:
        """Label by label from `begin` up to `end`, or to an alarm, or to where a fit is due; gives where it stopped,
        whether for a fit, and alarms. `watched`: the champion's surprises and losses, None without one.
        """
        alarms: list[Changed] = []
        for k in range(begin, end):
            place = rows.places[k]
            self._labels += 1
            self._cut_off = max(self._cut_off, int(rows.observed_at[k]))
            self._schedule.label()
            self._rows += self._change is None or place.event_time >= self._change.event_time
            found = None
            if watched is not None:
                found = self._watch.add(watched[0][k - begin], watched[1][k - begin], place)
            change = self._watch.answered_now(found, self._cut_off)
            if change is not None:
                alarms.append(self._changed(change))
            if self._schedule.due(self._rows):
                return k + 1, True, alarms
            if alarms:  # what others need to take over has changed
                return k + 1, False, alarms
        return end, False, alarms

    def _taken(self, takeover: Takeover | None) -> Takeover | None:
        self._mixing.follow(self._pool)
        if takeover is None:
            return None
        self._probation.begin(takeover.version, proved=takeover.over is not None)
        if takeover.over is not None and takeover.needed <= NEEDED:
            self._schedule.paid()
        return replace(takeover, label=self._labels)

    def _mix_due(self) -> MixDue | Takeover:
        """The mixture of now is due; where it has become one version alone, that takes over."""
        due = self._mixing.ask(self._cut_off, self._labels)
        if len(due.members) == 1:
            return self._mixture_serves(due.members[0][0], due)
        self.awaits = True
        return due

    def _mixture_serves(self, version: int, due: MixDue, members: Members = ()) -> Takeover:
        over = self._pool.champion
        self._pool.crown(version)
        found = Takeover(version, over, due.log_evidence, due.labels, due.label, due.needed, members)
        taken = self._taken(found)
        assert taken is not None
        return taken

    def _changed(self, change: ChangePoint) -> Changed:
        assert self._pool.champion is not None
        self._change, self._fresh = change, True
        self._concept += 1
        self._pool.changed()
        self._rows = self._watch.changed(change, self._cut_off)
        self._schedule.changed()
        return Changed(change, self._pool.champion, self._labels)

    def _due(self) -> FitDue:
        cause: Literal["first_data", "quality", "growth"] = "quality" if self._fresh else "growth"
        if self._pool.champion is None:
            cause = "first_data"
        self._schedule.fitted(self._rows)
        self._fresh, self.awaits = False, True
        return FitDue(cause, self._change, self._rows, self._cut_off, self._labels)


_NOTHING: NDArray[np.float64] = np.empty(0)


def _gains(loss: Mapping[int, NDArray[np.float64]], champion: int | None, begin: int) -> dict[int, NDArray[np.float64]]:
    """What each version but the champion gains over it, label by label from `begin` on."""
    if champion is None:
        return {}
    return {v: loss[champion][begin:] - its[begin:] for v, its in loss.items() if v != champion}
