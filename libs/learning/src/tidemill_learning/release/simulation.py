"""Whole trials of the policy against challengers whose faults are known, from a seed: how often the gate errs.

`python -m tidemill_learning.release.simulation` prints the figures of full size.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tidemill.stats.score_bins import bin_counts
from tidemill_learning.release.gains import auc_gains
from tidemill_learning.release.observed import Calls, Observed
from tidemill_learning.release.policy import Plan, TrialDecision, decide

CANARY = Plan(mode="canary", hold_ms=3_000)


@dataclass(frozen=True, slots=True)
class Scene:
    """Two arms and the world around them.

    Scores are binormal; `alike`: correlation of the arms' scores given the label. `errors`, `slow`: shares of
    the challenger's records and calls (the champion's are `champion_errors`, `champion_slow`). A round is a
    second of `rows` records; their labels come `late` rounds after.
    """

    true_labels: float = 0.2
    champion_auc: float = 0.70
    challenger_auc: float = 0.70
    alike: float = 0.8
    errors: float = 0.0
    champion_errors: float = 0.0
    slow: float = 0.01
    champion_slow: float = 0.01
    rows: int = 1_000
    late: int = 2
    most_labels: int = 50_000


@dataclass(frozen=True, slots=True)
class Course:
    """How a trial went. `exposed`: records that the challenger answered; `labels`: those that came in time."""

    end: str
    labels: int
    rows: int
    exposed: int
    decision: TrialDecision


def run(scene: Scene, rng: np.random.Generator, plan: Plan = CANARY) -> Course:
    """One trial, until it ends or `most_labels` were compared (its end is then `wait`)."""
    seen, share, held, exposed, rows = Observed(), plan.steps[0].share, 0, 0, 0
    waiting: list[tuple[int, list[float]]] = []
    while True:
        answered = int(rng.binomial(scene.rows, share))
        exposed, rows, held = exposed + answered, rows + scene.rows, held + 1_000
        _serve(scene, rng, seen, answered)
        waiting.append(_scores(scene, rng, seen))
        if len(waiting) > scene.late:
            seen.gains.add(*waiting.pop(0))
        found = decide(plan, share, seen, held, "roc_auc")
        if found.move == "advance":
            share, held = found.share, 0
            seen.next_step()
        elif found.move != "wait" or seen.gains.labels >= scene.most_labels:
            return Course(found.move, seen.gains.labels, rows, exposed, found)


def _serve(scene: Scene, rng: np.random.Generator, seen: Observed, answered: int) -> None:
    def calls(errors: float, slow: float, answered: int) -> Calls:
        failed, above = rng.binomial(scene.rows, errors), rng.binomial(scene.rows, slow)
        return Calls(scene.rows, int(above), scene.rows, int(failed), answered)

    champion = calls(scene.champion_errors, scene.champion_slow, scene.rows - answered)
    seen.note_calls(champion, calls(scene.errors, scene.slow, answered), this_step=True)


def _scores(scene: Scene, rng: np.random.Generator, seen: Observed) -> tuple[int, list[float]]:
    """Score a round with both arms; gives its labels' number and gains, for when they come."""
    n, rho = scene.rows, scene.alike
    y = rng.random(n) < scene.true_labels
    own, common = rng.standard_normal(n), rng.standard_normal(n)
    old = _lift(scene.champion_auc) * y + common
    new = _lift(scene.challenger_auc) * y + rho * common + math.sqrt(1 - rho**2) * own
    ours, theirs = _bins(old), _bins(new)
    buckets = np.flatnonzero(ours + theirs)
    seen.note_scores(buckets.tolist(), ours[buckets].tolist(), theirs[buckets].tolist())
    return n, auc_gains(y.tolist(), old.tolist(), new.tolist())


def _lift(auc: float) -> float:
    """By how much positives score higher, in standard deviations, for this AUC (binormal)."""
    return math.sqrt(2) * NormalDist().inv_cdf(auc)


def _bins(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    return bin_counts(1 / (1 + np.exp(1.4 - scores)))


@dataclass(frozen=True, slots=True)
class Tally:
    """Trials of one scene by how they ended."""

    trials: int
    ends: Counter[str]
    labels: tuple[float, float]
    exposed: tuple[float, float]

    @property
    def line(self) -> str:
        """One line for people: medians, and 95th percentiles in brackets."""
        ends = ", ".join(f"{name} {count}" for name, count in sorted(self.ends.items()))
        return (
            f"{self.trials} trials: {ends}; labels {self.labels[0]:,.0f} ({self.labels[1]:,.0f}), "
            f"exposed requests {self.exposed[0]:,.0f} ({self.exposed[1]:,.0f})"
        )


def tally(scene: Scene, trials: int, seed: int, plan: Plan = CANARY) -> Tally:
    """Run so many trials, each from its own seed."""
    courses = [run(scene, np.random.default_rng((seed, number)), plan) for number in range(trials)]
    ends = Counter(course.end for course in courses)
    return Tally(trials, ends, _middle([c.labels for c in courses]), _middle([c.exposed for c in courses]))


def _middle(values: Sequence[int]) -> tuple[float, float]:
    return float(np.median(values)), float(np.quantile(values, 0.95))


def upper_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
    """The largest rate that so many hits do not rule out (Clopper, Pearson: Biometrika 26, 1934), one-sided."""
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, trials, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(hits: int, trials: int, rate: float) -> float:
    """Probability of at most `hits` in `trials`."""
    if rate >= 1.0:
        return float(hits >= trials)
    logs = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + (k * math.log(rate) if k else 0.0) + (trials - k) * math.log1p(-rate)
        for k in range(hits + 1)
    ]  # fmt: skip
    return math.fsum(math.exp(log) for log in logs)


EQUAL = Scene(alike=0.5, errors=0.0003, champion_errors=0.0003, slow=0.02, champion_slow=0.02)
"""Two models of equal quality that differ on many records, with some errors on both sides: A/A."""

FAULTS = {
    "fails 5 % of requests": (Scene(errors=0.05, rows=100), 500),
    "slow: one call in four above the limit": (Scene(slow=0.25, rows=100), 500),
    "worse by 2 points of AUC (0.70)": (Scene(challenger_auc=0.68), 500),
    "worse by 2 points of AUC (0.85)": (Scene(champion_auc=0.85, challenger_auc=0.83), 500),
    "worse by 2 points, arms less alike": (Scene(challenger_auc=0.68, alike=0.5), 500),
    "worse by 2 points, 5 % true labels": (Scene(true_labels=0.05, champion_auc=0.75, challenger_auc=0.73), 500),
}


def main() -> None:
    """Print the figures in full size."""
    equal = tally(EQUAL, 2_000, 1)
    bound = upper_bound(equal.ends["roll_back"], equal.trials)
    print(f"A/A: {equal.line}; false rollbacks at most {bound:.2%} (95 % upper bound)", flush=True)
    for name, (scene, trials) in FAULTS.items():
        print(f"{name}: {tally(scene, trials, 2).line}", flush=True)
    print(f"the first, blue-green: {tally(replace(FAULTS['fails 5 % of requests'][0]), 500, 2, BLUE_GREEN).line}")


BLUE_GREEN = replace(CANARY, mode="blue_green")

if __name__ == "__main__":
    main()
