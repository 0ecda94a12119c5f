"""The tests between the steps of a trial: is there proof of harm, or enough to go on?

Four tests, each valid at any time, share `ALPHA`: the chance that a challenger that is no worse than its limits
and its champion is ever rolled back is at most 5 %, however often one looks and however long the trial lasts
(Bonferroni over the tests, Ville's inequality within each).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tidemill_learning.release.evalues import rate_above
from tidemill_learning.release.observed import MARGIN, Calls, Observed
from tidemill_learning.release.scores import distance, proven_distance

ALPHA = 0.05
TESTS = ("errors", "latency", "scores", "quality")
SHARE = ALPHA / len(TESTS)
NEEDED = math.log(1 / SHARE)
"""Log evidence that one test needs for a rollback."""

GOOD = math.log(1 / 0.01)
"""Log evidence that is needed to call a challenger better, or not worse by two points: 1 % of those that are lose
their guard early.
"""

SLOW_SHARE = 0.05
"""p95 is below the limit exactly if at most this share of calls is above it."""

LEAST_ROWS = 100
"""Records that the challenger must have scored in a step before the next."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the model file allows: `errors`, share of records without an answer, 0 to 1; `p95_ms`, milliseconds of a
    scoring call, above 0; `shift`, distance of two distributions of scores (Kolmogorov, Smirnov), 0 to 1.
    """

    errors: float = 0.001
    p95_ms: float = 500.0
    shift: float = 0.5


@dataclass(frozen=True, slots=True)
class HarmTest:
    """One test's result: what was found, the limit it was held against, and whether it is proof of harm."""

    test: str
    statistic: float
    threshold: float
    harm: bool
    detail: str


def harm_tests(seen: Observed, limits: Limits, metric: str) -> list[HarmTest]:
    """All four tests on what was seen so far. `metric`: the name of what quality is compared by, for people.

    Valid at any time (Ville: Étude critique de la notion de collectif, 1939; for the scores, Howard, Ramdas: Bernoulli
    28, 2022): the chance of a false proof of harm, in a whole trial, is at most `ALPHA`.

    >>> seen = Observed()
    >>> seen.note_calls(Calls(100, 0, 100, 0, 100), Calls(100, 0, 100, 5, 95), this_step=True)
    >>> [test.test for test in harm_tests(seen, Limits(errors=0.001), "roc_auc") if test.harm]
    ['errors']
    """
    return [
        _errors(seen, limits),
        _latency(seen, limits),
        _scores(seen, limits),
        _quality(seen, metric),
    ]


def _errors(seen: Observed, limits: Limits) -> HarmTest:
    new, old = seen.challenger, seen.champion
    log_evidence = rate_above(limits.errors, new.rows, new.failed)
    # What fails for both is not the challenger's fault.
    harm = log_evidence >= NEEDED and new.error_rate > old.error_rate
    detail = (
        f"{new.failed} of {new.rows} records without an answer ({new.error_rate:.2%}; champion "
        f"{old.error_rate:.2%}), {limits.errors:.2%} allowed; {_weight(log_evidence, NEEDED)}"
    )
    return HarmTest("errors", new.error_rate, limits.errors, harm, detail)


def _latency(seen: Observed, limits: Limits) -> HarmTest:
    new, old = seen.challenger, seen.champion
    log_evidence = rate_above(SLOW_SHARE, new.calls, new.slow)
    harm = log_evidence >= NEEDED and new.slow_rate > old.slow_rate
    detail = (
        f"{new.slow} of {new.calls} calls took longer than {limits.p95_ms:g} ms ({new.slow_rate:.2%}; champion "
        f"{old.slow_rate:.2%}), {SLOW_SHARE:.0%} may; {_weight(log_evidence, NEEDED)}"
    )
    return HarmTest("latency", new.slow_rate, SLOW_SHARE, harm, detail)


def _scores(seen: Observed, limits: Limits) -> HarmTest:
    """A version that was trained because the world moved may well answer otherwise than the champion; but then as it
    did on held-out rows. Harm is what is far from both.
    """
    n = sum(seen.challenger_scores.values())
    others = {"the champion's": seen.champion_scores, "its own on held-out rows": seen.expected_scores}
    known = {name: scores for name, scores in others.items() if scores or scores is seen.champion_scores}
    apart = {name: distance(scores, seen.challenger_scores) for name, scores in known.items()}
    proven = min(proven_distance(scores, seen.challenger_scores, SHARE) for scores in known.values())
    found = " and ".join(f"{value:.3f} from {name}" for name, value in apart.items())
    detail = f"the distribution of {n} scores is {found}, surely {proven:.3f}; {limits.shift:.2f} may be"
    return HarmTest("scores", min(apart.values()), limits.shift, proven > limits.shift, detail)


def _quality(seen: Observed, metric: str) -> HarmTest:
    gains = seen.gains
    log_evidence = gains.worse.log_evidence
    detail = (
        f"{metric} {gains.mean:+.4f} against the champion on {gains.labels} labels; {_weight(log_evidence, NEEDED)} "
        "that it is worse"
    )
    return HarmTest("quality", gains.mean, 0.0, log_evidence >= NEEDED, detail)


def may_go_on(seen: Observed, limits: Limits) -> str | None:
    """Why the next step must wait, by what this step has shown; None where it need not."""
    step: Calls = seen.in_step
    if step.rows < LEAST_ROWS:
        return f"the challenger has scored {step.rows} records in this step, {LEAST_ROWS} are needed"
    if seen.challenger.error_rate > limits.errors:
        return f"errors are at {seen.challenger.error_rate:.2%}, {limits.errors:.2%} allowed"
    if seen.challenger.slow_rate > SLOW_SHARE:
        return f"{seen.challenger.slow_rate:.1%} of calls are slower than {limits.p95_ms:g} ms"
    return None


def quality_is_known(seen: Observed, labels: int) -> str | None:
    """Why the end must wait for labels; None once two points of loss are ruled out, or `labels` were compared."""
    gains = seen.gains
    if gains.labels >= labels or gains.not_much_worse.log_evidence >= GOOD:
        return None
    return f"{gains.labels} of {labels} labels compared, and a loss of {MARGIN:g} is not ruled out yet"


def is_better(seen: Observed) -> bool:
    """Whether the challenger's quality is proven to be above the champion's."""
    return seen.gains.better.log_evidence >= GOOD


def _weight(log_evidence: float, needed: float) -> str:
    return f"evidence e^{log_evidence:.1f} of e^{needed:.1f} needed"
