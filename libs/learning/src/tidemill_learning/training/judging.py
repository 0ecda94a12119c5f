"""A challenger and its rival on the newest rows, which neither was fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.contracts.model_file import DecisionCost, ModelSpec
from tidemill.rows.features import FeatureLike, feature_inputs
from tidemill_learning.decisions import cheapest_threshold, decision_costs, same_for_all, thresholds_on
from tidemill_learning.gate import MIN_ROWS, GateResult, apply_floors, apply_gate, with_cost
from tidemill_learning.label_time.contest import Contest
from tidemill_learning.label_time.losses import losses
from tidemill_learning.training.examples import Examples
from tidemill_learning.training.learners import Fitted
from tidemill_learning.training.metrics import measure
from tidemill_learning.training.texts import distinct

Floats = NDArray[np.float64]


class ChampionModel(Protocol):
    """The serving model as the gate sees it."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def features(self) -> tuple[FeatureLike, ...]: ...
    @property
    def fitted_until_ms(self) -> int: ...
    @property
    def threshold(self) -> float:
        """From which probability on it says true, of a binary task."""
        ...

    def score(self, inputs: Mapping[str, NDArray[np.generic]]) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """`metrics`: of the challenger on all rows of the hold-out; `ours`, `theirs`: of both on the `rows` of it that the
    champion has not learned either; `contest`: the evidence of these rows, label by label, that the challenger is
    better (None without a champion). `threshold`: at which decisions on the hold-out cost least (None where no cost is
    stated); metrics are of decisions by a threshold of other rows than those that it decides.
    """

    metrics: dict[str, float]
    ours: dict[str, float]
    theirs: dict[str, float]
    rows: int
    gate: GateResult
    contest: Contest | None
    threshold: float | None = None


def judge(
    spec: ModelSpec, table: pa.Table, judged: Fitted, fitted_on: Examples, test: Examples,
    champion: ChampionModel | None, *, sequential: bool = False,
) -> tuple[Verdict, Floats]:  # fmt: skip
    """Hold `judged`, which learned `fitted_on`, against the base rate, the model file's gate and the champion on the
    rows of `test`; gives its scores of them too. `table`: where the examples' positions are. `sequential`: the floors
    alone are rules, for who is better is told by the contest, on these rows and on the labels that follow. So they are
    where the champion has learned nearly all rows and the model file asks for no margin over it.
    """
    scores, cost = judged.score(test.inputs), spec.target.cost
    decided_at = _each(test, scores, cost)
    metrics = measure(judged.task, test.target, scores, judged.classes, decided_at, cost)
    ours, theirs, rows, contest = metrics, dict[str, float](), test, None
    if champion is not None:
        fresh = np.flatnonzero(test.event_time > champion.fitted_until_ms)
        rows, ours = test.take(fresh), {}
        if len(fresh):
            inputs = feature_inputs(table.take(pa.array(rows.position)).combine_chunks(), champion.features)
            answers = champion.score(inputs)
            contest = _contest(judged, rows, scores[fresh], answers, champion.classes)
            if len(fresh) >= MIN_ROWS:
                ours = measure(judged.task, rows.target, scores[fresh], judged.classes, decided_at[fresh], cost)
                theirs = measure(judged.task, rows.target, answers, champion.classes, champion.threshold, cost)
    asked, metric, base = spec.training.gate, spec.training.metric, _against_base(judged, fitted_on, test, scores)
    unlearned = champion is not None and len(rows) < MIN_ROWS and asked.better_by <= 0
    if sequential or unlearned:
        gate = apply_floors(metric, metrics.get(metric), at_least=asked.at_least, rows=len(test), base=base)
        if unlearned and not sequential:
            gate = replace(gate, note=f"not held against the champion: it has learned all but {len(rows)} of the rows")
    else:
        gate = apply_gate(
            metric, ours.get(metric), theirs.get(metric) if champion is not None else None,
            at_least=asked.at_least, better_by=asked.better_by, rows=len(rows), classes=_labels(judged, rows),
            base=base,
        )  # fmt: skip
    if cost is None:
        return Verdict(metrics, ours, theirs, len(rows), gate, contest), scores
    gate = with_cost(gate, *_costs(test, scores >= decided_at, cost))
    threshold = cheapest_threshold(test.target == 1, scores, cost)
    return Verdict(metrics, ours, theirs, len(rows), gate, contest, threshold), scores


def _each(test: Examples, scores: Floats, cost: DecisionCost | None) -> Floats:
    """The threshold by which each row is decided, [n]."""
    return np.broadcast_to(thresholds_on(test.target == 1, scores, cost), len(test))


def _costs(test: Examples, decided: NDArray[np.bool_], cost: DecisionCost) -> tuple[Floats, Floats]:
    """Per row what the decisions cost, and those of who decides all alike."""
    positive = test.target == 1
    return decision_costs(positive, decided, cost), decision_costs(positive, same_for_all(positive, cost), cost)


def _contest(judged: Fitted, rows: Examples, ours: Floats, theirs: Floats, classes: tuple[str, ...]) -> Contest:
    contest = Contest()
    mine = losses(judged.task, rows.target, ours, judged.classes, judged.scale)
    contest.add(losses(judged.task, rows.target, theirs, classes, judged.scale) - mine)
    return contest


def _against_base(judged: Fitted, fitted_on: Examples, test: Examples, scores: Floats) -> tuple[float, float]:
    """Mean loss on the hold-out of the challenger, and of who always says what is most usual among the fitted rows."""
    usual = _usual(judged, fitted_on, len(test))
    mine, base = (
        losses(judged.task, test.target, answer, judged.classes, judged.scale).mean() for answer in (scores, usual)
    )
    return float(mine), float(base)


def _usual(judged: Fitted, rows: Examples, count: int) -> Floats:
    """The share of each class among the rows, or their median, as an answer to `count` rows."""
    if judged.task == "regression":
        return np.full(count, float(np.median(rows.target.astype(np.float64))))
    if judged.task == "binary":
        return np.full(count, float(rows.target.astype(np.float64).mean()))
    names, positions = distinct(rows.target)
    shares = dict(zip(map(str, names), np.bincount(positions) / len(rows), strict=False))
    return np.tile([shares.get(name, 0.0) for name in judged.classes], (count, 1))


def _labels(judged: Fitted, rows: Examples) -> tuple[str, ...] | None:
    """The classes that the labels of some rows are of; None for a regression."""
    if judged.task == "regression":
        return None
    if judged.task == "multiclass":
        return tuple(distinct(rows.target)[0])
    return tuple(judged.classes[int(one)] for one in np.unique(rows.target))
