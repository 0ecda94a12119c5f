"""The versions that are scored on every new label: the one that serves, and those that may take over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.label_time.contest import NEEDED, Contest

Members = tuple[tuple[int, float], ...]
"""Versions of a mixture and their weights, heaviest first; weights are above 0 and sum to 1."""

LARGEST = 8
"""Versions; each costs a score a label, and memory."""

RELUCTANCE = 4.0
MOST_RELUCTANT = 256.0
"""A version that has served before comes back on the usual evidence after a change was found. Where none was, it needs
so many times as much, and twice as much again for each time that it happened since the last change: spells of weather
favour one version and then the other, each time too late for the labels that come after.
"""

OF_ONE_CONCEPT = 2
"""Newest versions of the concept of now that stay."""


@dataclass(slots=True)
class Member:
    """A version. `concept`: the number of the change since which its rows are; `contest`: against the champion;
    `mixture`: its members and their weights, where it is one.
    """

    version: int
    concept: int
    contest: Contest = field(default_factory=Contest)
    mixture: Members = ()


@dataclass(frozen=True, slots=True)
class Takeover:
    """A version that takes over, and why: the evidence, on `labels` labels. `label`: the number in label time of the
    label that decided; `mixture`: the members of a mixture and their weights.
    """

    version: int
    over: int | None
    log_evidence: float
    labels: int
    label: int = 0
    needed: float = NEEDED
    mixture: Members = ()

    @property
    def detail(self) -> str:
        """One sentence for people."""
        if self.over is None:
            return f"version {self.version} is the first"
        parts = ", ".join(f"version {version} with {weight:.0%}" for version, weight in self.mixture)
        ours = f"version {self.version}{f' ({parts})' if parts else ''}"
        return (
            f"{ours} answers better than version {self.over}, on {self.labels:,} labels that neither "
            f"has learned: evidence e^{self.log_evidence:.1f}, e^{self.needed:.1f} wanted"
        )


class Pool:
    """Up to `LARGEST` versions: the champion, the newest of the concept of now, and the newest of each earlier one, so
    that a concept that comes back finds the version that knew it. `state`: what `to_state` gave.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.champion: int | None = state.get("champion")
        self._served = set(state.get("served", ()))
        self._changed = bool(state.get("changed", True))
        self._reluctance = float(state.get("reluctance", RELUCTANCE))
        self._members = [
            Member(m["version"], m["concept"], Contest(m["wealth"], m["labels"]), members_of(m.get("mixture", ())))
            for m in state.get("members", ())
        ]

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        members = [
            {
                "version": m.version, "concept": m.concept, "wealth": m.contest.to_state(), "labels": m.contest.labels,
                "mixture": [list(one) for one in m.mixture],
            }
            for m in self._members
        ]  # fmt: skip
        return {
            "champion": self.champion, "members": members, "served": sorted(self._served), "changed": self._changed,
            "reluctance": self._reluctance,
        }  # fmt: skip

    @property
    def versions(self) -> tuple[int, ...]:
        """All of them, oldest first."""
        return tuple(member.version for member in self._members)

    @property
    def plain(self) -> tuple[int, ...]:
        """Those that are no mixture, oldest first."""
        return tuple(member.version for member in self._members if not member.mixture)

    @property
    def served(self) -> Members:
        """What serves: the members of a mixture with their weights, or one version alone; nothing before the first."""
        found = next((m.mixture for m in self._members if m.version == self.champion), ())
        return found or (((self.champion, 1.0),) if self.champion is not None else ())

    @property
    def contests(self) -> Mapping[int, Contest]:
        """Of every version but the champion."""
        return {m.version: m.contest for m in self._members if m.version != self.champion}

    def has_learned(self, concept: int) -> bool:
        """Whether any version is of this concept."""
        return any(member.concept == concept for member in self._members if not member.mixture)

    def add(self, version: int, concept: int, contest: Contest | None = None, mixture: Members = ()) -> Takeover | None:
        """A new version comes in, perhaps with what a hold-out has told; the first one, or one that has told enough,
        takes over at once. `mixture`: its members and their weights, where it is one.
        """
        self._members = [m for m in self._members if m.version != version]
        self._members.append(Member(version, concept, contest or Contest(), mixture))
        taken = self._first(version) if self.champion is None else self.winner()
        self._trim(concept)
        return taken

    def enough_at(self, gains: Mapping[int, NDArray[np.float64]]) -> int | None:
        """Which of the next labels, by the gains of each version over the champion on them, decides."""
        contests = self.contests.items()
        found = [at for v, one in contests if (at := one.enough_at(gains[v], self._needed(v))) is not None]
        return min(found, default=None)

    def learn(self, gains: Mapping[int, NDArray[np.float64]]) -> Takeover | None:
        """Take in the gains of each version but the champion; gives who takes over, if anybody."""
        for version, contest in self.contests.items():
            contest.add(gains[version])
        return self.winner()

    def winner(self) -> Takeover | None:
        """The version with the most evidence for what it needs, if that is enough: it is the champion from now on."""
        shares = {v: contest.log_evidence / self._needed(v) for v, contest in self.contests.items()}
        version = max(shares, key=lambda v: (shares[v], v), default=None)
        if version is None or shares[version] < 1.0:
            return None
        contest, needed = self.contests[version], self._needed(version)
        taken = Takeover(version, self.champion, contest.log_evidence, contest.labels, needed=needed)
        if needed > NEEDED:
            self._reluctance = min(MOST_RELUCTANT, 2.0 * self._reluctance)
        self.crown(version)
        return taken

    def changed(self) -> None:
        """A change was found: a version that knew its concept may come back on the usual evidence."""
        self._changed, self._reluctance = True, RELUCTANCE

    def _needed(self, version: int) -> float:
        return NEEDED * self._reluctance if version in self._served and not self._changed else NEEDED

    def crown(self, version: int) -> None:
        """This version serves from now on, whoever said so: what was gained over another counts no longer."""
        self._served.add(version)
        self.champion, self._changed = version, False
        for member in self._members:
            member.contest = Contest()

    def _first(self, version: int) -> Takeover:
        self.crown(version)
        return Takeover(version, None, 0.0, 0)

    def _trim(self, concept: int) -> None:
        plain = [m for m in self._members if not m.mixture]
        of_now = [m for m in plain if m.concept == concept][-OF_ONE_CONCEPT:]
        newest = {m.concept: m for m in plain if m.concept != concept}
        mixture = [m for m in self._members if m.mixture][-1:]
        fixed = {self.champion, self._members[-1].version, *(version for version, _ in self.served)}
        kept = {*fixed, *(m.version for m in (*of_now, *newest.values(), *mixture))}
        self._members = [m for m in self._members if m.version in kept]
        while len(self._members) > LARGEST:
            self._members.remove(next(m for m in self._members if m.version not in fixed))


def members_of(found: Sequence[Sequence[Any]]) -> Members:
    """Members from plain JSON."""
    return tuple((int(version), float(weight)) for version, weight in found)
