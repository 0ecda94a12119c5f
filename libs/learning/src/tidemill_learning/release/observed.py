"""What a trial has shown so far: counts of both arms, their scores, and gains on labels. It all adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tidemill_learning.release.evalues import MeanAbove, MeanBelow


@dataclass(frozen=True, slots=True)
class Calls:
    """What one arm was asked. `calls`: scoring calls whose time was taken, `slow`: those above the limit;
    `rows`: records scored, `failed`: those without an answer; `answered`: those whose answer went out.
    """

    calls: int = 0
    slow: int = 0
    rows: int = 0
    failed: int = 0
    answered: int = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(
            self.calls + other.calls, self.slow + other.slow, self.rows + other.rows,
            self.failed + other.failed, self.answered + other.answered,
        )  # fmt: skip

    @property
    def error_rate(self) -> float:
        """Share of records without an answer."""
        return self.failed / self.rows if self.rows else 0.0

    @property
    def slow_rate(self) -> float:
        """Share of calls above the limit."""
        return self.slow / self.calls if self.calls else 0.0


MARGIN = 0.02
"""The loss of quality that a trial must rule out (or wait for so many labels): two points."""


@dataclass(slots=True)
class Gains:
    """Gains on labels (see `gains`), and the evidence in them. `labels`: that both arms were compared on."""

    labels: int = 0
    blocks: int = 0
    total: float = 0.0
    worse: MeanBelow = field(default_factory=MeanBelow)
    better: MeanAbove = field(default_factory=MeanAbove)
    not_much_worse: MeanAbove = field(default_factory=lambda: MeanAbove(-MARGIN))

    def add(self, labels: int, gains: list[float]) -> None:
        """Take in the gains on so many labels."""
        self.labels += labels
        self.blocks += len(gains)
        self.total += sum(gains)
        for evidence in (self.worse, self.better, self.not_much_worse):
            evidence.add(gains)

    @property
    def mean(self) -> float:
        """The mean gain; 0 without any."""
        return self.total / self.blocks if self.blocks else 0.0


@dataclass(slots=True)
class Observed:
    """One trial since its beginning. `in_step`: what the challenger was asked since the last step. `expected_scores`:
    the challenger's on rows that it was not fitted on, before it served; empty where that is not known.
    """

    champion: Calls = field(default_factory=Calls)
    challenger: Calls = field(default_factory=Calls)
    in_step: Calls = field(default_factory=Calls)
    champion_scores: Counter[int] = field(default_factory=Counter)
    challenger_scores: Counter[int] = field(default_factory=Counter)
    expected_scores: Counter[int] = field(default_factory=Counter)
    gains: Gains = field(default_factory=Gains)

    def note_calls(self, champion: Calls, challenger: Calls, *, this_step: bool) -> None:
        """Take in a report of calls; `this_step`: of the step that is published now."""
        self.champion += champion
        self.challenger += challenger
        if this_step:
            self.in_step += challenger

    def note_scores(self, buckets: Iterable[int], champion: Iterable[int], challenger: Iterable[int]) -> None:
        """Take in how many scores of each arm lie in each bucket; aligned."""
        for bucket, old, new in zip(buckets, champion, challenger, strict=True):
            self.champion_scores[bucket] += old
            self.challenger_scores[bucket] += new

    def next_step(self) -> None:
        """A step was published: what is counted per step begins anew, evidence goes on."""
        self.in_step = Calls()
