"""The mixture: up to three versions that answer together, and when their weights are to serve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.artifact.lineage import MOST_MEMBERS
from tidemill_learning.label_time.contest import NEEDED, Contest
from tidemill_learning.label_time.fit_schedule import AT_START, Budget
from tidemill_learning.label_time.losses import losses
from tidemill_learning.label_time.mixture.answers import Answers, together
from tidemill_learning.label_time.mixture.fixed_share import FixedShare, Path
from tidemill_learning.label_time.pool import Members, Pool, members_of
from tidemill_learning.training.examples import Task

PARTS = 64
"""Weights are whole parts of it, so that the same mixture has the same bytes."""

MOVED = 0.1
"""Of all weight, what must have gone elsewhere before a mixture that serves is made anew, at the least."""

REFRESHED = math.log(100)
"""Log evidence from which the weights of now take the place of those that serve: they answer about as well, so that
less is asked for than of another version."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MixDue:
    """A mixture is wanted of these `members`, for it answers better than the version that serves: `log_evidence`, on
    `labels` labels; `needed`: so much was asked for. `label`: the number in label time of the label that decided;
    `cut_off_ms`: when it was known.
    """

    members: Members
    cut_off_ms: int
    label: int
    log_evidence: float
    labels: int
    needed: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "members": [list(one) for one in self.members], "cut_off_ms": self.cut_off_ms, "label": self.label,
            "log_evidence": self.log_evidence, "labels": self.labels, "needed": self.needed,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> MixDue:
        """What `to_dict` gave."""
        return cls(**{**found, "members": members_of(found["members"])})


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The next n labels. `path`: weights along them; `served`: the same as they would serve, [n + 1, versions];
    `losses`: [n], of the mixture that each label meets.
    """

    path: Path
    served: Floats
    losses: Floats


class Mixing:
    """The mixture of now, a challenger of the version that serves: at each label it is scored before it learns from
    it, and evidence is gathered as for any version (`Contest`). While a mixture serves, its weights of then are held
    against those of now. Asked for at most `Budget.mixtures` times in so many labels. `state`: what `to_state` gave.
    """

    def __init__(self, task: Task, budget: Budget, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._task = task
        most, rows = budget.mixtures
        self._wanted, first = most > 0, min(AT_START, most)
        self._per_token = math.ceil(rows / max(1, most - first))
        self._most_saved = first * self._per_token
        self._share = FixedShare(task, state.get("share"))
        self._contest = Contest(state.get("wealth"), int(state.get("labels", 0)))
        self._saved = int(state.get("saved", self._most_saved))
        self._against: int | None = state.get("against")
        self._serves: Members = ()
        self.due = MixDue.from_dict(state["due"]) if state.get("due") else None
        """What is awaited."""
        self._ahead: _Ahead | None = None
        self._at = 0

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "share": self._share.to_state(), "wealth": self._contest.to_state(), "labels": self._contest.labels,
            "saved": self._saved, "against": self._against,
            "due": self.due.to_dict() if self.due else None,
        }  # fmt: skip

    @property
    def weights(self) -> Mapping[int, float]:
        """Of now, of each version that may be a member."""
        return self._share.weights

    def follow(self, pool: Pool) -> None:
        """The versions of the pool may be members from now on, and its champion serves: evidence against another one
        counts no longer.
        """
        self._share.keep(pool.plain)
        self._serves = pool.served
        if pool.champion != self._against:
            self._against, self._contest = pool.champion, Contest()

    def look(self, target: NDArray[np.generic], answers: Mapping[int, Answers], spread: float) -> None:
        """The next labels, shape [n], and what the versions answer; takes none in."""
        self._ahead, self._at = None, 0
        if not self._wanted or len(self._share.weights) < 2:
            return
        path = self._share.ahead(target, answers)
        served = rounded(path.weights)
        said = together(answers, {v: served[:-1, k] for k, v in enumerate(path.versions)})
        self._ahead = _Ahead(path, served, losses(self._task, target, said.scores, said.classes, spread))

    def enough_at(self, lost: Floats) -> int | None:
        """Which of the next labels is the first that decides, by what the version that serves loses at each, [n]; takes
        none in.
        """
        ahead, at = self._ahead, self._at
        if ahead is None or not len(lost):
            return None
        enough = self._contest.along(lost - ahead.losses[at : at + len(lost)]) >= self._needed
        others = self._moved(ahead.path.versions, ahead.served[at + 1 : at + 1 + len(lost)])
        saved = np.minimum(self._saved + 1 + np.arange(len(lost)), self._most_saved)
        found = np.flatnonzero(enough & others & (saved >= self._per_token))
        return int(found[0]) if len(found) else None

    def learn(self, labels: int, lost: Floats) -> bool:
        """Take in so many of the next labels; gives whether the last of them decides. `lost`: as for `enough_at`."""
        decides = self.enough_at(lost[:labels]) == labels - 1
        ahead, at = self._ahead, self._at
        if ahead is not None:
            self._share.learn(ahead.path, at, at + labels)
            self._contest.add(lost[:labels] - ahead.losses[at : at + labels])
        self._saved, self._at = min(self._saved + labels, self._most_saved), at + labels
        return decides

    def ask(self, cut_off_ms: int, label: int) -> MixDue:
        """The mixture of now, which `learn` said is due; it is awaited, unless it is one version alone."""
        assert self._ahead is not None
        found = zip(self._ahead.path.versions, self._ahead.served[self._at].tolist(), strict=True)
        members = sorted(((v, weight) for v, weight in found if weight > 0), key=lambda one: (-one[1], one[0]))
        contest = self._contest
        due = MixDue(tuple(members), cut_off_ms, label, contest.log_evidence, contest.labels, self._needed)
        self._saved -= self._per_token
        if len(members) > 1:
            self.due = due
        return due

    def ended(self) -> MixDue:
        """What was awaited is there, or cannot be made: evidence begins anew. Raises ValueError where nothing was."""
        if self.due is None:
            raise ValueError("no mixture is due")
        due, self.due, self._contest = self.due, None, Contest()
        return due

    @property
    def _needed(self) -> float:
        return REFRESHED if len(self._serves) > 1 else NEEDED

    def _moved(self, versions: Sequence[int], served: Floats) -> NDArray[np.bool_]:
        """Whether the mixture at each label, [n, versions], is another one than what serves."""
        then = dict(self._serves)
        gone = sum(weight for version, weight in self._serves if version not in versions)
        apart = 0.5 * (np.abs(served - [then.get(v, 0.0) for v in versions]).sum(axis=1) + gone)
        several = (served > 0).sum(axis=1) > 1
        return np.asarray((apart >= MOVED) & (several | (len(self._serves) > 1)))


def rounded(weights: Floats) -> Floats:
    """The heaviest `MOST_MEMBERS` of each row's weights, [n, versions], in whole parts that sum to 1; the others 0. Of
    equals the first; parts go to the largest remainders.

    >>> rounded(np.array([[0.5, 0.3, 0.15, 0.05]])) * PARTS
    array([[34., 20., 10.,  0.]])
    """
    rank = np.argsort(np.argsort(-weights, axis=1, kind="stable"), axis=1, kind="stable")
    heaviest = np.where(rank < MOST_MEMBERS, weights, 0.0)
    wanted = PARTS * heaviest / heaviest.sum(axis=1, keepdims=True)
    parts = np.floor(wanted)
    left = PARTS - parts.sum(axis=1, keepdims=True)
    order = np.argsort(np.argsort(parts - wanted, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray((parts + (order < left)) / PARTS)
