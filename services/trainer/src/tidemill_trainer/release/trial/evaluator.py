"""Evaluates every trial that is published: reads its evidence, and says what it leads to."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from tidemill.clock import Clock
from tidemill.contracts.events.platform import ModelRef, ModelRelease, ModelVersion
from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.release.policy import TrialDecision, decide
from tidemill_learning.release.sequential_test import HarmTest
from tidemill_trainer import metrics
from tidemill_trainer.release.plans import metric_of, plan_of
from tidemill_trainer.release.published import Published
from tidemill_trainer.release.transitions import release_of_decision
from tidemill_trainer.release.trial.evidence import Trial
from tidemill_trainer.release.trial.follower import TrialFollower
from tidemill_trainer.release.trial.vetting import Unfit, vetted

_log = logging.getLogger(__name__)


Vet = Callable[[ModelRef, str], Counter[int]]


class TrialEvaluator:
    """One follower a trial. Not thread-safe."""

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        published: Published,
        follow: Callable[[Trial], TrialFollower],
        clock: Clock,
        vet: Vet | Mapping[str, Vet] = vetted,
    ) -> None:
        """`vet`: how a challenger is expected to score, of each model or of all; it raises Unfit for one that must not
        serve.
        """
        self._specs = specs
        self._published = published
        self._follow = follow
        self._clock = clock
        self._vets = vet if isinstance(vet, Mapping) else dict.fromkeys(specs, vet)
        self._followers: dict[str, TrialFollower] = {}
        self._said: dict[str, str] = {}

    def look(self) -> list[ModelRelease]:
        """What the evidence leads to now; nothing for trials that wait. Raises RetryLater while brokers are away."""
        found = [self._evaluate(model) for model in list(self._specs)]
        return [release for release in found if release is not None]

    def close(self) -> None:
        """Release what follows trials."""
        for model in list(self._followers):
            self._drop(model)

    def _evaluate(self, model: str) -> ModelRelease | None:
        current, began = self._published.current(model), self._published.trial(model)
        if current is None or current.challenger is None or began is None:
            self._drop(model)
            return None
        wanted = (current.champion.version, current.challenger.version, began.epoch)
        follower = self._followers.get(model)
        if (
            follower is None
            or (follower.trial.champion, follower.trial.challenger, follower.trial.first_epoch) != wanted
        ):
            self._drop(model)
            trial = Trial(model, *wanted, began.at_ms)
            try:
                trial.seen.expected_scores = self._vets[model](current.challenger, self._specs[model].target.task)
            except Unfit as error:
                found = HarmTest("artifact", 0.0, 0.0, True, str(error))
                return release_of_decision(
                    current, TrialDecision("roll_back", str(error), (found,)), self._clock.now_ms()
                )
            follower = self._followers[model] = self._follow(trial)
        follower.poll()
        if not follower.caught_up:
            return None
        decision = self._decide(current, follower.trial)
        if decision.move == "wait":
            return None
        return release_of_decision(current, decision, self._clock.now_ms())

    def _decide(self, current: ModelVersion, trial: Trial) -> TrialDecision:
        spec, model = self._specs[current.model], current.model
        seen = trial.at(current.epoch)
        held_ms = self._clock.now_ms() - current.published_at
        approved = self._published.approved(model)
        decision = decide(plan_of(spec), current.challenger_share, seen, held_ms, metric_of(spec), approved=approved)
        metrics.TRIAL_LABELS.labels(model).set(seen.gains.labels)
        metrics.TRIAL_GAIN.labels(model).set(seen.gains.mean)
        if decision.move == "wait" and decision.reason.split()[0] != self._said.get(model):
            self._said[model] = decision.reason.split()[0]
            _log.info("%s: version %d waits on trial: %s", model, trial.challenger, decision.reason)
        return decision

    def _drop(self, model: str) -> None:
        follower = self._followers.pop(model, None)
        if follower is not None:
            follower.close()
