"""The gate: may the challenger replace the champion?

Both are judged on the newest labelled rows, which neither has been fitted on. The first version has no rival
and must only reach the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.metrics import LOWER_IS_BETTER, gain

MIN_ROWS = 50
"""Fewer rows than that cannot tell two models apart."""

SIGMAS = 2.0

FEW = 1_000
"""Of so many rows one may be answered otherwise, and the answer still counts as the same for all."""

SAME_SHARE = 1e-6
"""Answers closer than that, as a share of the target's spread (or as a probability), are the same."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule and what was found: becomes an `Evidence` record of kind `gate`."""

    rule: str
    metric: str
    statistic: float
    threshold: float
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """`passed` only if every rule did. `note`: what there is to say besides, or where no rule applied."""

    passed: bool
    results: tuple[RuleResult, ...]
    note: str = ""

    @property
    def reason(self) -> str:
        """One sentence for people, never empty."""
        return "; ".join(filter(None, [*(result.detail for result in self.results), self.note]))


def apply_gate(
    metric: str,
    challenger: float | None,
    champion: float | None,
    *,
    at_least: float | None,
    better_by: float,
    rows: int,
    classes: Sequence[str] | None = None,
    base: tuple[float, float] | None = None,
) -> GateResult:
    """Apply the model file's gate to the two scores on the same `rows`, whose labels are of these `classes`
    (`None`: the target is no class).

    `at_least` is a floor (a ceiling for metrics in which less is better). `better_by` is the margin over the champion,
    in units of the metric; 0 lets an equal challenger pass. `base`: mean loss of the challenger on its hold-out, and of
    who always says what is most usual: the floor that every model has. A metric that the rows do not define
    (`challenger` is `None`) never passes. A gate before release: Breck et al., The ML Test Score, IEEE Big Data 2017.

    >>> apply_gate("roc_auc", 0.72, 0.70, at_least=0.6, better_by=0.01, rows=500).passed
    True
    >>> apply_gate("rmse", 3.0, 2.5, at_least=None, better_by=0.0, rows=500).reason
    "rmse 3.0000 against the champion's 2.5000, wanted better by 0, on 500 rows"
    """
    if challenger is None:
        return GateResult(False, (_undefined(metric, rows, classes),))
    results: list[RuleResult] = []
    if base is not None:
        results.append(_base_rate(*base))
    if at_least is not None:
        results.append(_floor(metric, challenger, at_least, rows))
    if champion is not None:
        results.append(_margin(metric, challenger, champion, better_by, rows))
    note = "" if results else f"{metric} {_shown(challenger)} on {rows} rows; no champion to beat"
    return GateResult(all(result.passed for result in results), tuple(results), note)


def apply_floors(
    metric: str, challenger: float | None, *, at_least: float | None, rows: int, base: tuple[float, float]
) -> GateResult:
    """The rules that know no champion: better than the most usual answer (`base`, as in `apply_gate`), and the model
    file's floor, which a metric that the `rows` do not define never reaches.

    >>> apply_floors("roc_auc", 0.9, at_least=None, rows=40, base=(0.1, 0.25)).passed
    True
    """
    results = [_base_rate(*base)]
    if at_least is not None and challenger is None:
        results.append(_undefined(metric, rows, None))
    elif at_least is not None and challenger is not None:
        results.append(_floor(metric, challenger, at_least, rows))
    return GateResult(all(result.passed for result in results), tuple(results))


def with_cost(gate: GateResult, costs: NDArray[np.float64], alike: NDArray[np.float64]) -> GateResult:
    """The same, and the rule that decisions must not cost more than those of who decides all rows alike: more than
    chance would explain (`SIGMAS` standard errors of the difference).

    `costs`, `alike`: of each row of the hold-out, [n].
    """
    slack = SIGMAS * float((costs - alike).std()) / max(1, len(costs)) ** 0.5
    found, base = float(costs.mean()), float(alike.mean())
    detail = f"cost {_shown(found)} a decision, wanted at most that of deciding all alike, {_shown(base)}"
    rule = RuleResult("cost", "cost", found, base + slack, found <= base + slack, detail)
    return replace(gate, passed=gate.passed and rule.passed, results=(*gate.results, rule))


def one_answer(scores: NDArray[np.float64], spread: float = 1.0) -> str:
    """What is wrong with `scores` ([n] or [n, C]) that are the same for (nearly) every row, else an empty text.

    A model whose one branch only strangers take (a fill value among temperatures) answers all others the same: it has
    learned nothing, whatever its metric is.
    """
    columns = scores.reshape(len(scores), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.round((columns - np.median(columns, axis=0)) / (spread * SAME_SHARE))
    same = int((steps == 0).all(axis=1).sum())
    tolerated = max(2, len(scores) // FEW) if len(scores) >= MIN_ROWS else 0
    if len(scores) - same > tolerated:
        return ""
    answer = _shown(float(np.median(columns[:, -1])))
    return f"it answers {answer} for {same} of {len(scores)} rows: it has learned nothing"


def _undefined(metric: str, rows: int, classes: Sequence[str] | None) -> RuleResult:
    """Why a metric has no value. What was found are rows, or classes: never a value of the metric."""
    detail = f"{metric} is not defined on the {rows} newest labelled rows"
    if rows < MIN_ROWS:
        why = f"{detail}: at least {MIN_ROWS} are wanted that neither model was fitted on"
        return RuleResult("enough_rows", "rows", float(rows), float(MIN_ROWS), False, why)
    if classes is not None and len(classes) < 2:
        why = f"{detail}: all are of one class ({', '.join(classes)[:100]}); labels of another class are awaited"
        return RuleResult("several_classes", "classes", float(len(classes)), 2.0, False, why)
    return RuleResult(
        "defined", "rows", float(rows), float(MIN_ROWS), False, f"{detail}: their labels are all the same"
    )


def _shown(value: float) -> str:
    """Four digits behind the point for everyday sizes, else five that count."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e7 else f"{value:.5g}"


def _floor(metric: str, challenger: float, at_least: float, rows: int) -> RuleResult:
    passed = gain(metric, challenger, at_least) >= 0
    word = "at most" if metric in LOWER_IS_BETTER else "at least"
    detail = f"{metric} {_shown(challenger)}, wanted {word} {at_least:g}, on {rows} rows"
    return RuleResult("at_least", metric, challenger, at_least, passed, detail)


def _base_rate(loss: float, base: float) -> RuleResult:
    detail = f"mean loss {loss:.4f}, wanted below that of the most usual answer, {base:.4f}"
    return RuleResult("base_rate", "loss", loss, base, loss < base, detail)


def _margin(metric: str, challenger: float, champion: float, better_by: float, rows: int) -> RuleResult:
    found = gain(metric, challenger, champion)
    sides = f"{metric} {_shown(challenger)} against the champion's {_shown(champion)}"
    detail = f"{sides}, wanted better by {better_by:g}, on {rows} rows"
    return RuleResult("better_by", metric, found, better_by, found >= better_by, detail)
