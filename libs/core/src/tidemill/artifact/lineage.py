"""Where a version comes from, so that it can be made again and told apart from any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_MEMBERS = 3
"""Versions of a mixture: its graph answers as slowly as all of them together."""

EVEN = 1e-9
"""By how much the weights of a mixture may miss 1 together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureMember:
    """A version that a mixture holds, the share that its scores have in the mixture's, and which artifact it is:
    `manifest_digest` is the SHA-256 of its manifest's bytes, in hex.
    """

    version: int
    weight: float
    artifact_uri: str
    manifest_digest: str


def check_mixture(members: Sequence[tuple[int, float]], version: int) -> None:
    """Raise ValueError unless these versions and weights may be the mixture of this number."""
    numbers, weights = [number for number, _ in members], [weight for _, weight in members]
    if not 1 <= len(members) <= MOST_MEMBERS:
        raise ValueError(f"a mixture is of one to {MOST_MEMBERS} versions, not of {len(members)}")
    if len(set(numbers)) != len(numbers) or not all(0 < number < version for number in numbers):
        raise ValueError(f"a mixture is of versions before it, each once: {numbers} in version {version}")
    if not (all(weight > 0.0 for weight in weights) and abs(sum(weights) - 1.0) <= EVEN):
        raise ValueError(f"the weights of a mixture lie above 0 and add up to 1: {weights}")


def told_mixture(members: Sequence[tuple[int, float]]) -> str:
    """Versions and weights for people.

    >>> told_mixture([(3, 0.625), (1, 0.375)])
    'version 3 (0.625) and version 1 (0.375)'
    """
    told = [f"version {number} ({weight:.6g})" for number, weight in members]
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a version's bytes follow from, beside the manifest's data set, change point, libraries and code revision.

    cause: why it was asked for. parent: the version that served then, None where there was none. content: SHA-256 hex
    of the labelled rows, in the order of their event ids; empty where it was not trained here. rows: how many they are.
    cut_off: what time it was, on the events' own clock, in ms. since: time of the first event that was read, in us, and
    known_by: that of the last thing that could be known, in ms; None: no bound. left_out: how many rows within these
    bounds were not to be learned from, for label time had not taken them; without: ids of their events, none where they
    are too many to be named. topic_ids: of the topics that were
    read, where brokers tell them. trials: how many settings of candidates the budget allowed to try, in the order of
    the model file; tried_windows: whether it allowed to choose the rows to learn from. recipe: the words of the model
    file that it hangs on, `seed` among them. environment: Python, machine and kernels of linear algebra.
    """

    cause: str
    parent: int | None = None
    content: str = ""
    rows: int = 0
    cut_off: int = 0
    since: int | None = None
    known_by: int | None = None
    left_out: int = 0
    without: list[str] = field(default_factory=list)
    topic_ids: dict[str, str] = field(default_factory=dict)
    trials: int = 0
    tried_windows: bool = False
    recipe: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def trained_here(self) -> bool:
        """Whether it can be trained again; an imported version cannot."""
        return bool(self.content)
