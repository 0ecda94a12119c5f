"""Choose among candidates within a time budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tidemill_learning.training.examples import Examples, InputSpec, Task
from tidemill_learning.training.learners import SETTINGS, Fitted, Params, fit
from tidemill_learning.training.metrics import gain, measure
from tidemill_learning.training.split import TemporalSplit


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate with one setting: its metrics on the tune part and the seconds it took."""

    candidate: str
    params: Params
    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True, slots=True)
class Search:
    """What was tried, in order, and the best by the wanted metric."""

    trials: tuple[Trial, ...]
    best: Fitted
    skipped: tuple[str, ...]


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
) -> Search:
    """Fit on ``parts.fit``, judge on ``parts.tune``; every candidate's first setting before any second one.

    The first trial always runs. A later one starts only if as long as the longest so far still fits into the
    budget, so the budget is passed by at most one surprise. ``monotonic`` gives seconds.
    """
    began = monotonic()
    trials: list[Trial] = []
    skipped: list[str] = []
    best: tuple[float, Fitted] | None = None
    for candidate, params in _plan(candidates):
        longest = max((trial.seconds for trial in trials), default=0.0)
        if trials and monotonic() - began + longest > budget_s:
            skipped.append(candidate)
            continue
        started = monotonic()
        fitted = fit(candidate, params, task, specs, parts.fit, parts.tune, seed)
        metrics = _judge(task, fitted, parts.tune)
        trials.append(Trial(candidate, params, metrics, monotonic() - started))
        better = gain(metric, metrics[metric], best[0]) > 0 if best and metric in metrics else best is None
        if better:
            best = (metrics.get(metric, 0.0), fitted)
    assert best is not None, "the first trial always runs"
    return Search(tuple(trials), best[1], tuple(skipped))


def _plan(candidates: Sequence[str]) -> list[tuple[str, Params]]:
    rounds = zip_longest(*([(name, params) for params in SETTINGS[name]] for name in candidates))
    return [trial for one in rounds for trial in one if trial is not None]


def _judge(task: Task, fitted: Fitted, rows: Examples) -> dict[str, float]:
    return measure(task, rows.target, fitted.score(rows.inputs), fitted.classes)
