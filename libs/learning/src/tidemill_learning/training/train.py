"""From labelled rows to a model that is ready to be judged: one pure function."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.quantities import milliseconds
from tidemill.rows.features import FeatureLike, feature_inputs, rounded
from tidemill_learning.gate import MIN_ROWS, GateResult, apply_gate, one_answer
from tidemill_learning.reference import training_reference
from tidemill_learning.training.examples import Examples, InputSpec
from tidemill_learning.training.labelled import input_specs, newest, to_examples
from tidemill_learning.training.learners import Fitted, fit, refit_params
from tidemill_learning.training.metrics import measure
from tidemill_learning.training.onnx.export import score_name, to_onnx
from tidemill_learning.training.onnx.parity import Parity, edge_rows, prove_parity, run_graph, tolerance_of
from tidemill_learning.training.search import NoCandidate, Search, said, search
from tidemill_learning.training.split import TemporalSplit, known_at, temporal_split
from tidemill_learning.training.texts import distinct, with_short_texts

GOLDEN_ROWS = 32
GOLDEN_SLACK = 10.0
"""How much more a golden row may differ on another machine than the graph differs from the learner on this one."""

_log = logging.getLogger(__name__)

REFIT_COST = 1.6
"""A refit sees more rows than the trial it repeats."""

Array = NDArray[np.generic]


class ChampionModel(Protocol):
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

    `graph`: ONNX bytes, proved equal to the learner on `parity.rows` rows; `output`: its output with the scores.
    `golden`: inputs and the graph's scores of them; `golden_tolerance`: how far another machine's may differ.
    `metrics`: of the graph on the test part; `champion_metrics` and `gate_metrics`: both models on the gate's rows.
    `notes`: what a person should know of it beside the gate's result (who could not be used, a part that was widened).
    """

    candidate: str
    params: Mapping[str, Any]
    classes: tuple[str, ...]
    graph: bytes
    output: str
    parity: Parity
    golden: tuple[dict[str, Array], NDArray[np.float64]]
    golden_tolerance: float
    reference: dict[str, Any]
    metrics: dict[str, float]
    gate_metrics: dict[str, float]
    champion_metrics: dict[str, float]
    gate: GateResult
    search: Search
    rows: dict[str, int]
    notes: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The gate's result and the notes, for people."""
        return "; ".join((self.gate.reason, *self.notes))


@dataclass(frozen=True, slots=True)
class _Made:
    """A candidate that holds what it promises: fitted, exported, proved; `scores`: the graph's of the test part."""

    fitted: Fitted
    fitted_on: Examples
    graph: bytes
    parity: Parity
    scores: NDArray[np.float64]


def train(
    spec: ModelSpec,
    labelled: pa.Table,
    cut_off_ms: int,
    monotonic: Callable[[], float],
    champion: ChampionModel | None = None,
) -> Trained:
    """Split, search within the budget, fit the best again on fit + tune, export, prove, and judge what the graph
    answers on the test part. A candidate that cannot be exported or proved gives way to the next.

    `labelled`: as `join_labels` gives it. Labels observed after `cut_off_ms` and events within the target's delay
    before it are not used. Deterministic for the same table, model file and sequence of trials. Raises `ValueError`
    where the rows do not allow a training, `NoCandidate` (one too) where no candidate can be used.
    """
    task, specs = spec.target.task, input_specs(spec.features)
    table = with_short_texts(newest(labelled, spec.training.newest), spec.features)
    usable = known_at(to_examples(table, spec.features, task), cut_off_ms, milliseconds(spec.target.delay))
    if not len(usable):
        raise ValueError(
            f"none of the {table.num_rows:,} labelled rows is {spec.target.delay} older than the newest "
            "(target.delay), with a label that is known by then"
        )
    parts = temporal_split(usable, spec.training.split)
    began = monotonic()
    budget = spec.training.budget.total_seconds()
    found = search(
        task, specs, parts, spec.training.candidates, spec.training.metric,
        budget_s=budget, monotonic=monotonic, seed=spec.training.seed,
    )  # fmt: skip
    refit = monotonic() - began + REFIT_COST * _seconds(found) <= budget
    made, failures = _first_good(spec, found, parts, specs, refit)
    left_out = (f"left out: {failure}" for failure in (*found.failures, *failures))
    notes = (*left_out, *filter(None, [parts.note]), *_rounding(spec, table))
    return _judged(spec, table, made, parts.test, found, champion, notes)


def _rounding(spec: ModelSpec, table: pa.Table) -> list[str]:
    """Numbers that were learned from, and are answered to, as their neighbours: an identifier must not be one."""
    notes = [
        f"features.{name}: {count:,} of {table.num_rows:,} whole numbers lie above 2^53 and were taken as the nearest "
        f"double, in training and serving: if it is an identifier, write `{name}: category`"
        for name, count in rounded(table, spec.features).items()
    ]
    for note in notes:
        _log.warning("%s: %s", spec.name, note)
    return notes


def _first_good(
    spec: ModelSpec, found: Search, parts: TemporalSplit, specs: tuple[InputSpec, ...], refit: bool
) -> tuple[_Made, list[str]]:
    failures: list[str] = []
    for chosen in found.ranked:
        try:
            return _made(spec, chosen, parts, specs, refit), failures
        except Exception as error:  # noqa: BLE001 - a candidate fails alone
            _log.warning("%s cannot be used: %s", chosen.candidate, error, exc_info=not isinstance(error, ValueError))
            failures.append(f"{chosen.candidate}: {said(error)}")
    raise NoCandidate("; ".join((*found.failures, *failures)))


def _made(spec: ModelSpec, best: Fitted, parts: TemporalSplit, specs: tuple[InputSpec, ...], refit: bool) -> _Made:
    fitted_on = parts.fit
    if refit:
        fitted_on = parts.fit.followed_by(parts.tune)
        best = fit(best.candidate, refit_params(best), best.task, specs, fitted_on, None, spec.training.seed)
    graph = to_onnx(best)
    parity = prove_parity(best, graph, parts.test.inputs, specs)
    scores = run_graph(graph, parts.test.inputs, best.task)
    same = one_answer(scores, best.scale)
    if same:
        raise ValueError(same)
    return _Made(best, fitted_on, graph, parity, scores)


def _judged(
    spec: ModelSpec, table: pa.Table, made: _Made, test: Examples, found: Search, champion: ChampionModel | None,
    notes: tuple[str, ...],
) -> Trained:  # fmt: skip
    best, scores = made.fitted, made.scores
    metrics = measure(best.task, test.target, scores, best.classes)
    ours, theirs, rows = _side_by_side(table, best, test, scores, champion)
    gate = spec.training.gate
    result = apply_gate(
        spec.training.metric,
        ours.get(spec.training.metric),
        theirs.get(spec.training.metric) if champion is not None else None,
        at_least=gate.at_least, better_by=gate.better_by, rows=len(rows), classes=_labels(best, rows),
    )  # fmt: skip
    reference = training_reference(
        table.take(pa.array(made.fitted_on.position)), spec.features, _span(made.fitted_on),
        scores=scores, classes=best.classes, metrics=metrics, held_out_rows=len(test),
    )  # fmt: skip
    golden = _golden(test, input_specs(spec.features))
    return Trained(
        candidate=best.candidate, params=best.params, classes=best.classes, graph=made.graph,
        output=score_name(best.task, golden), parity=made.parity,
        golden=(golden, run_graph(made.graph, golden, best.task)), golden_tolerance=GOLDEN_SLACK * tolerance_of(best),
        reference=reference, metrics=metrics, gate_metrics=ours, champion_metrics=theirs, gate=result, search=found,
        rows={
            "labelled": table.num_rows, "fitted": len(made.fitted_on), "test": len(test), "gate": len(rows),
        },
        notes=notes,
    )  # fmt: skip


def _labels(best: Fitted, rows: Examples) -> tuple[str, ...] | None:
    """The classes that the labels of some rows are of; None for a regression."""
    if best.task == "regression":
        return None
    if best.task == "multiclass":
        return tuple(distinct(rows.target)[0])
    return tuple(best.classes[int(one)] for one in np.unique(rows.target))


def _side_by_side(
    table: pa.Table, best: Fitted, test: Examples, scores: NDArray[np.float64], champion: ChampionModel | None
) -> tuple[dict[str, float], dict[str, float], Examples]:
    """Metrics of challenger and champion on the test rows that the champion was not fitted on either; these rows."""
    if champion is None:
        return measure(best.task, test.target, scores, best.classes), {}, test
    fresh = np.flatnonzero(test.event_time > champion.fitted_until_ms)
    rows = test.take(fresh)
    if len(fresh) < MIN_ROWS:
        return {}, {}, rows
    inputs = feature_inputs(table.take(pa.array(rows.position)).combine_chunks(), champion.features)
    theirs = measure(best.task, rows.target, champion.score(inputs), champion.classes)
    return measure(best.task, rows.target, scores[fresh], best.classes), theirs, rows


def _golden(test: Examples, specs: tuple[InputSpec, ...]) -> dict[str, Array]:
    rows = np.unique(np.linspace(0, len(test) - 1, min(len(test), GOLDEN_ROWS)).astype(np.int64))
    return edge_rows({name: column[rows] for name, column in test.inputs.items()}, specs)


def _seconds(found: Search) -> float:
    return max(attempt.seconds for attempt in found.attempts if attempt.candidate == found.best.candidate)


def _span(rows: Examples) -> tuple[int, int]:
    return int(rows.event_time.min()), int(rows.event_time.max())
