"""What both arms of a trial were asked, counted for the gate: pure, one tally a thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from tidemill.contracts.events.trials import ArmCalls, ArmReport
from tidemill.ids import uuid7
from tidemill.stats.score_bins import score_bins
from tidemill_inference.serving.serving import Predictions
from tidemill_inference.trial.arms import Arm, BothArms

Key = tuple[str, int, int, int]
"""Model, epoch, champion, challenger."""

NONE = ArmCalls(calls=0, slow=0, rows=0, failed=0, answered=0)


@dataclass(slots=True)
class _Counts:
    champion: ArmCalls = NONE
    challenger: ArmCalls = NONE
    champion_scores: Counter[int] = field(default_factory=Counter)
    challenger_scores: Counter[int] = field(default_factory=Counter)


class ArmTally:
    """Counts complete calls (`BothArms.complete`) until they are taken as reports. One thread uses it."""

    def __init__(self, source: str, p95_s: dict[str, float]) -> None:
        """`source`: stream or rest. `p95_s`: by model, the time of a call above which it counts as slow."""
        self._source = source
        self._p95_s = p95_s
        self._counts: dict[Key, _Counts] = {}

    def add(self, predictions: Predictions) -> None:
        """Count a call; one without a trial counts nothing."""
        both, event = predictions.both, predictions.serving.event
        if both is None:
            return
        key = (event.model, event.epoch, both.champion.version, both.challenger.version)
        counts = self._counts.setdefault(key, _Counts())
        limit, challenged = self._p95_s[event.model], int(both.challenged.sum())
        counts.champion = _sum(counts.champion, _calls(both.champion, limit, len(both.challenged) - challenged))
        counts.challenger = _sum(counts.challenger, _calls(both.challenger, limit, challenged))
        self._add_scores(counts, both, predictions.serving.model.manifest.task)

    def take(self, now_ms: int) -> list[ArmReport]:
        """Reports of what was counted since the last call."""
        taken, self._counts = self._counts, {}
        return [self._report(key, counts, now_ms) for key, counts in taken.items()]

    @staticmethod
    def _add_scores(counts: _Counts, both: BothArms, task: str) -> None:
        """Only rows that both arms answered: their scores differ by nothing but the model."""
        rows = both.champion.answered & both.challenger.answered
        for arm, into in ((both.champion, counts.champion_scores), (both.challenger, counts.challenger_scores)):
            buckets, found = np.unique(score_bins(task, arm.scores[rows]), return_counts=True)
            into.update(dict(zip(buckets.tolist(), found.tolist(), strict=True)))

    def _report(self, key: Key, counts: _Counts, now_ms: int) -> ArmReport:
        model, epoch, champion, challenger = key
        buckets = sorted({*counts.champion_scores, *counts.challenger_scores})
        return ArmReport(
            report_id=uuid7(),
            model=model,
            epoch=epoch,
            source=self._source,  # type: ignore[arg-type]
            champion=champion,
            challenger=challenger,
            champion_calls=counts.champion,
            challenger_calls=counts.challenger,
            buckets=tuple(buckets),
            champion_scores=tuple(counts.champion_scores[b] for b in buckets),
            challenger_scores=tuple(counts.challenger_scores[b] for b in buckets),
            at=now_ms,
        )


def _calls(arm: Arm, limit_s: float, answered: int) -> ArmCalls:
    asked = int(arm.asked.sum())
    failed = int((arm.asked & ~arm.answered).sum())
    slow = int(asked > 0 and arm.seconds > limit_s)
    return ArmCalls(calls=int(asked > 0), slow=slow, rows=asked, failed=failed, answered=answered)


def _sum(one: ArmCalls, other: ArmCalls) -> ArmCalls:
    return ArmCalls(
        calls=one.calls + other.calls,
        slow=one.slow + other.slow,
        rows=one.rows + other.rows,
        failed=one.failed + other.failed,
        answered=one.answered + other.answered,
    )
