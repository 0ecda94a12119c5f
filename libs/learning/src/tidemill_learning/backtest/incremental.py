"""Learners that take in each label when it becomes known, played over a stream."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tidemill_learning.backtest.fitting import Clock
from tidemill_learning.backtest.playing import Advance, Floats, Played
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.decisions import ONE_HALF

TOLD_EVERY = 500


class Learner(Protocol):
    """Knows the stream's rows by their numbers."""

    def learn(self, row: int) -> None:
        """Take in this row with its label."""

    def answer(self, row: int) -> float | Floats:
        """P(positive) (binary), probabilities [C] in the order of the stream's classes (multiclass), or a value."""


def play_incrementally(stream: Stream, learner: Learner, clock: Clock, began: float, advance: Advance) -> Played:
    """Each event is answered from the labels that were known then; there is no answer before the first. `began`: when
    the learner began to be made, on `clock`. Where costs of decisions are stated, it says true from the probability on
    that they give.
    """
    many = stream.task == "multiclass"
    scores = np.full((len(stream), len(stream.classes)) if many else len(stream), np.nan)
    learned = 0
    for done, row in enumerate(np.argsort(stream.known, kind="stable").tolist()):
        while learned < stream.known[row]:
            learner.learn(int(stream.order[learned]))
            learned += 1
        if learned:
            scores[row] = learner.answer(row)
        if done % TOLD_EVERY == 0:
            advance(done, len(stream))
    advance(len(stream), len(stream))
    decided_at = ONE_HALF if stream.cost is None else stream.cost.bayes_threshold
    return Played(scores, own_seconds=clock() - began, decided_at=decided_at)


def as_shares(votes: Floats, stream: Stream) -> float | Floats:
    """Votes for each of the stream's classes as probabilities; equal ones where there is no vote."""
    found = votes / votes.sum() if votes.sum() > 0 else np.full(len(votes), 1.0 / len(votes))
    return found if stream.task == "multiclass" else float(found[1])
