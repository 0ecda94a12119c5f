"""Choose among candidates within a time budget. A candidate that cannot be fitted is out; the others go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest

import numpy as np

from tidemill.contracts.model_file import DecisionCost
from tidemill_learning.decisions import thresholds_on
from tidemill_learning.gate import one_answer
from tidemill_learning.training.examples import Examples, InputSpec, Task
from tidemill_learning.training.learners import SETTINGS, ClassWeights, Fitted, Params, fit
from tidemill_learning.training.metrics import gain, measure
from tidemill_learning.training.split import TemporalSplit

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate with one setting: its metrics on the tune part and the seconds it took, or why it `failed`."""

    candidate: str
    params: Params
    metrics: dict[str, float]
    seconds: float
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What was tried, in order, and what can be used, best by the wanted metric first (at least one)."""

    attempts: tuple[Attempt, ...]
    ranked: tuple[Fitted, ...]
    skipped: tuple[str, ...]

    @property
    def best(self) -> Fitted:
        """The best."""
        return self.ranked[0]

    @property
    def failures(self) -> tuple[str, ...]:
        """Who cannot be used and why, once each."""
        return tuple(
            dict.fromkeys(f"{attempt.candidate}: {attempt.failed}" for attempt in self.attempts if attempt.failed)
        )


class NoCandidate(ValueError):
    """No candidate can be used; the message says why for each."""


def search(
    task: Task,
    specs: Sequence[InputSpec],
    parts: TemporalSplit,
    candidates: Sequence[str],
    metric: str,
    *,
    budget_s: float,
    monotonic: Callable[[], float],
    seed: int,
    class_weights: ClassWeights = None,
    cost: DecisionCost | None = None,
    trials: int | None = None,
) -> Search:
    """Fit on `parts.fit`, measure on `parts.tune`; every candidate's first setting before any second one, which is
    tried where that candidate is the best so far. `cost`: of wrong decisions, which are then taken where they cost
    least.

    The first attempt always runs, and while all have failed the next one does. A later one starts only if as long as
    the longest so far still fits into the budget, so the budget is passed by at most one surprise. `monotonic` gives
    seconds. `trials`: so many attempts are made whatever they take, as an earlier search has made. A candidate whose
    fit raises, whose scores are not finite or are the same for every row has failed. Raises `NoCandidate` where all
    have.
    """
    began = monotonic()
    attempts: list[Attempt] = []
    skipped: list[str] = []
    usable: list[tuple[float | None, Fitted]] = []
    for candidate, params in _plan(candidates):
        longest = max((attempt.seconds for attempt in attempts), default=0.0)
        late = monotonic() - began + longest > budget_s if trials is None else len(attempts) >= trials
        if usable and late:
            skipped.append(candidate)
            continue
        again = any(attempt.candidate == candidate for attempt in attempts)
        if again and usable and _ranked(metric, usable)[0][1].candidate != candidate:
            continue
        started = monotonic()
        trial = partial(fit, candidate, params, task, specs, parts.fit, parts.tune, seed, class_weights)
        fitted, metrics, failed = _tried(candidate, trial, parts.tune, cost)
        attempts.append(Attempt(candidate, params, metrics, monotonic() - started, failed))
        if fitted is not None:
            usable.append((metrics.get(metric), fitted))
    found = Search(tuple(attempts), tuple(fitted for _, fitted in _ranked(metric, usable)), tuple(skipped))
    if not usable:
        raise NoCandidate("; ".join(found.failures))
    return found


def _tried(
    candidate: str, trial: Callable[[], Fitted], tune: Examples, cost: DecisionCost | None
) -> tuple[Fitted | None, dict[str, float], str]:
    """One attempt. Whatever a learner raises is its own failure: another one may do with the same rows."""
    try:
        fitted = trial()
        scores = fitted.score(tune.inputs)
    except Exception as error:  # noqa: BLE001 - a candidate fails alone
        _log.warning("%s cannot be fitted: %s", candidate, error, exc_info=not isinstance(error, ValueError))
        return None, {}, said(error)
    if not np.isfinite(scores).all():
        return None, {}, "it gives values that are not finite"
    decided_at = thresholds_on(tune.target == 1, scores, cost)
    metrics = measure(fitted.task, tune.target, scores, fitted.classes, decided_at, cost)
    same = one_answer(scores, fitted.scale)
    return (None, metrics, same) if same else (fitted, metrics, "")


def said(error: Exception) -> str:
    """An error's own words in one line of bounded length, with its class where it is not a plain `ValueError`."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"


def _ranked(metric: str, usable: list[tuple[float | None, Fitted]]) -> list[tuple[float | None, Fitted]]:
    """Best first; of equals the one tried first, and last what the metric is not defined for."""
    return sorted(usable, key=lambda one: (one[0] is None, -gain(metric, one[0] or 0.0, 0.0)))


def _plan(candidates: Sequence[str]) -> list[tuple[str, Params]]:
    rounds = zip_longest(*([(name, params) for params in SETTINGS[name]] for name in candidates))
    return [attempt for one in rounds for attempt in one if attempt is not None]
