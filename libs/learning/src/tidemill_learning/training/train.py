"""From labelled rows to a model that is ready to be judged: one pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.contracts.model_file import ModelSpec
from tidemill.features import FeatureLike, feature_inputs
from tidemill_learning.gate import Verdict, judge
from tidemill_learning.reference import training_reference
from tidemill_learning.training.examples import Examples, InputSpec
from tidemill_learning.training.export import to_onnx
from tidemill_learning.training.labelled import input_specs, newest, to_examples
from tidemill_learning.training.learners import Fitted, fit, refit_params
from tidemill_learning.training.metrics import measure
from tidemill_learning.training.parity import Parity, edge_rows, prove_parity
from tidemill_learning.training.search import Search, search
from tidemill_learning.training.split import known_at, temporal_split

GOLDEN_ROWS = 32
MIN_GATE_ROWS = 50
"""Fewer rows than that cannot tell two models apart."""

REFIT_COST = 1.6
"""A refit sees more rows than the trial it repeats."""

Array = NDArray[np.generic]


class Champion(Protocol):
    """The serving model as the gate sees it."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def features(self) -> tuple[FeatureLike, ...]: ...
    @property
    def fitted_until_ms(self) -> int: ...
    def score(self, inputs: Mapping[str, Array]) -> NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True)
class Trained:
    """A challenger with its evidence.

    ``graph``: ONNX bytes, proved equal to the learner on ``parity.rows`` rows. ``golden``: inputs and their
    scores. ``metrics``: on the test part; ``champion_metrics`` and ``gate_metrics``: both models on the
    gate's rows.
    """

    candidate: str
    params: Mapping[str, Any]
    classes: tuple[str, ...]
    graph: bytes
    parity: Parity
    golden: tuple[dict[str, Array], NDArray[np.float64]]
    reference: dict[str, Any]
    metrics: dict[str, float]
    gate_metrics: dict[str, float]
    champion_metrics: dict[str, float]
    verdict: Verdict
    search: Search
    rows: dict[str, int]


def train(
    spec: ModelSpec,
    labelled: pa.Table,
    cut_off_ms: int,
    monotonic: Callable[[], float],
    champion: Champion | None = None,
) -> Trained:
    """Split, search within the budget, fit the best again on fit + tune, export, prove, and judge on the
    test part.

    ``labelled``: as ``join_labels`` gives it. Labels observed after ``cut_off_ms`` and events within the
    target's delay before it are not used. Deterministic for the same table, model file and sequence of
    trials.
    Raises ``ValueError`` where the rows do not allow a training, ``ParityError`` where the graph is not the
    learner.
    """
    task, specs = spec.target.task, input_specs(spec.features)
    table = newest(labelled, spec.training.newest)
    usable = known_at(to_examples(table, spec.features, task), cut_off_ms, _milliseconds(spec.target.delay))
    parts = temporal_split(usable, spec.training.split)
    began = monotonic()
    budget = spec.training.budget.total_seconds()
    found = search(
        task, specs, parts, spec.training.candidates, spec.training.metric,
        budget_s=budget, monotonic=monotonic, seed=spec.training.seed,
    )  # fmt: skip
    best, fitted_on = found.best, parts.fit
    if monotonic() - began + REFIT_COST * _seconds(found) <= budget:
        fitted_on = parts.fit.followed_by(parts.tune)
        best = fit(best.candidate, refit_params(best), task, specs, fitted_on, None, spec.training.seed)
    graph = to_onnx(best)
    parity = prove_parity(best, graph, parts.test.inputs, specs)
    return _judged(spec, table, best, fitted_on, parts.test, found, graph, parity, champion)


def _judged(
    spec: ModelSpec, table: pa.Table, best: Fitted, fitted_on: Examples, test: Examples, found: Search,
    graph: bytes, parity: Parity, champion: Champion | None,
) -> Trained:  # fmt: skip
    scores = best.score(test.inputs)
    metrics = measure(best.task, test.target, scores, best.classes)
    ours, theirs, rows = _side_by_side(table, best, test, scores, champion)
    gate = spec.training.gate
    verdict = judge(
        spec.training.metric,
        ours.get(spec.training.metric),
        theirs.get(spec.training.metric) if champion is not None else None,
        at_least=gate.at_least, better_by=gate.better_by, rows=rows,
    )  # fmt: skip
    reference = training_reference(
        table.take(pa.array(fitted_on.position)), spec.features, _span(fitted_on),
        scores=scores, classes=best.classes, metrics=metrics, held_out_rows=len(test),
    )  # fmt: skip
    return Trained(
        candidate=best.candidate, params=best.params, classes=best.classes, graph=graph, parity=parity,
        golden=_golden(best, test, input_specs(spec.features)), reference=reference, metrics=metrics,
        gate_metrics=ours, champion_metrics=theirs, verdict=verdict, search=found,
        rows={"labelled": table.num_rows, "fitted": len(fitted_on), "test": len(test), "gate": rows},
    )  # fmt: skip


def _side_by_side(
    table: pa.Table, best: Fitted, test: Examples, scores: NDArray[np.float64], champion: Champion | None
) -> tuple[dict[str, float], dict[str, float], int]:
    """Metrics of challenger and champion on the test rows that the champion was not fitted on either."""
    if champion is None:
        return measure(best.task, test.target, scores, best.classes), {}, len(test)
    fresh = np.flatnonzero(test.event_time > champion.fitted_until_ms)
    if len(fresh) < MIN_GATE_ROWS:
        return {}, {}, len(fresh)
    rows = test.take(fresh)
    inputs = feature_inputs(table.take(pa.array(rows.position)).combine_chunks(), champion.features)
    theirs = measure(best.task, rows.target, champion.score(inputs), champion.classes)
    return measure(best.task, rows.target, scores[fresh], best.classes), theirs, len(fresh)


def _golden(best: Fitted, test: Examples, specs: tuple[InputSpec, ...]) -> tuple[dict[str, Array], NDArray[np.float64]]:
    rows = np.unique(np.linspace(0, len(test) - 1, min(len(test), GOLDEN_ROWS)).astype(np.int64))
    inputs = edge_rows({name: column[rows] for name, column in test.inputs.items()}, specs)
    return inputs, best.score(inputs)


def _seconds(found: Search) -> float:
    return max(trial.seconds for trial in found.trials if trial.candidate == found.best.candidate)


def _span(rows: Examples) -> tuple[int, int]:
    return int(rows.event_time.min()), int(rows.event_time.max())


def _milliseconds(duration: Any) -> int:
    return int(duration.total_seconds() * 1000)
