"""From labelled rows to a model that is ready to be judged: one pure function."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.quantities import milliseconds
from tidemill.rows.features import rounded
from tidemill_learning.gate import GateResult, one_answer
from tidemill_learning.label_time.change_point import ChangePoint
from tidemill_learning.label_time.contest import NEEDED, Contest
from tidemill_learning.reference import training_reference
from tidemill_learning.training.examples import Examples, InputSpec
from tidemill_learning.training.judging import ChampionModel, Verdict, judge
from tidemill_learning.training.labelled import input_specs, newest, to_examples
from tidemill_learning.training.learners import Fitted, fit, refit_params
from tidemill_learning.training.onnx.export import score_name, to_onnx
from tidemill_learning.training.onnx.parity import Parity, edge_rows, prove_parity, run_graph, tolerance_of
from tidemill_learning.training.search import NoCandidate, Search, said, search
from tidemill_learning.training.split import TemporalSplit, known_at, temporal_split
from tidemill_learning.training.texts import with_short_texts
from tidemill_learning.training.windows import Window, best_window, split_at

__all__ = ["ChampionModel", "Trained", "train"]

GOLDEN_ROWS = 32
GOLDEN_SLACK = 10.0
"""How much more a golden row may differ on another machine than the graph differs from the learner on this one."""

_log = logging.getLogger(__name__)

REFIT_COST = 1.6
"""A refit sees more rows than the trial it repeats."""

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Repeat:
    """What the budget of an earlier training allowed: so many `trials`, and whether other `windows` were tried."""

    trials: int
    windows: bool


@dataclass(frozen=True, slots=True)
class Trained:
    """A challenger with its evidence.

    `graph`: ONNX bytes, of the learner fitted on every row that it may learn from, proved equal to it on `parity.rows`
    rows; `output`: its output with the scores. `golden`: inputs and the graph's scores of them; `golden_tolerance`: how
    far another machine's may differ. `metrics`: on the hold-out, of the same learner before it had learned that too;
    `champion_metrics` and `gate_metrics`: both models on the gate's rows; `contest`: their evidence against the
    champion. `window`: what rows were taken; `spread`: of a regression's target, 1 else. `notes`: what a person should
    know of it beside the gate's result (who could not be used, a part that was widened). `threshold`: from which
    probability on the version says true, where costs are stated. `class_weights`: by class, none where all count alike.
    `tried_windows`: whether the budget allowed to choose the rows to learn from.
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
    contest: Contest | None = None
    window: str = ""
    spread: float = 1.0
    threshold: float | None = None
    class_weights: Mapping[str, float] = field(default_factory=dict)
    tried_windows: bool = False

    @property
    def compared(self) -> dict[str, float]:
        """Both sides of the gate on its rows (`gate.NAME`, `champion.NAME`), where there is a champion; rows by kind
        (`rows.NAME`).
        """
        sides = {"gate": self.gate_metrics, "champion": self.champion_metrics} if self.champion_metrics else {}
        figures = {f"{side}.{name}": value for side, found in sides.items() for name, value in found.items()}
        return figures | {f"rows.{name}": float(count) for name, count in self.rows.items()}

    @property
    def outcome(self) -> Literal["passed", "undecided", "failed"]:
        """`undecided`: all rules are kept, but the hold-out is no proof that it is better than the champion."""
        if not self.gate.passed:
            return "failed"
        return "passed" if self.contest is None or self.contest.log_evidence >= NEEDED else "undecided"

    @property
    def reason(self) -> str:
        """The gate's result and the notes, for people."""
        return "; ".join((self.gate.reason, *self.notes))


@dataclass(frozen=True, slots=True)
class _Made:
    """A candidate that holds what it promises. `judged`: fitted on `window` (and the tune part), for the hold-out;
    `final`: the same fitted on the hold-out as well, exported and proved. `more`: whether other windows were tried.
    """

    window: str
    judged: Fitted
    judged_on: Examples
    final: Fitted
    final_on: Examples
    graph: bytes
    parity: Parity
    more: bool


@dataclass(frozen=True, slots=True)
class _Data:
    """The rows of a training: all that may be learned from, those before the change, and those since it in parts."""

    table: pa.Table
    specs: tuple[InputSpec, ...]
    usable: Examples
    before: Examples
    parts: TemporalSplit
    window: str


def train(
    spec: ModelSpec,
    labelled: pa.Table,
    cut_off_ms: int,
    monotonic: Callable[[], float],
    champion: ChampionModel | None = None,
    change: ChangePoint | None = None,
    *,
    sequential: bool = False,
    repeat: Repeat | None = None,
) -> Trained:
    """Split, search within the budget, choose the rows to learn from, judge on the hold-out, then fit again on all of
    them, export and prove. A candidate that cannot be exported or proved gives way to the next.

    `labelled`: as `join_labels` gives it. Labels observed after `cut_off_ms` and events within the target's delay
    before it are not used. `change`: the hold-out is of rows since then, and rows before it are learned from only where
    the hold-out's neighbours say that it helps. `sequential`: who is better goes on to be asked in label time (see
    `judge`). `repeat`: an earlier training is done again, whatever the budget allows now. Deterministic for the same
    table, model file and sequence of trials.
    Raises `ValueError` where the rows do not allow a training, `NoCandidate` (one too) where no candidate can be used.
    """
    data = _data(spec, labelled, cut_off_ms, change)
    began, budget = monotonic(), spec.training.budget.total_seconds()
    found = search(
        spec.target.task, data.specs, data.parts, spec.training.candidates, spec.training.metric,
        budget_s=budget, monotonic=monotonic, seed=spec.training.seed,
        class_weights=spec.training.class_weights, cost=spec.target.cost,
        trials=repeat.trials if repeat else None,
    )  # fmt: skip
    more = repeat.windows if repeat else monotonic() - began + REFIT_COST * _seconds(found) <= budget
    made, failures = _first_good(spec, found, data, more)
    left_out = (f"left out: {failure}" for failure in (*found.failures, *failures))
    notes = (*left_out, *filter(None, [data.parts.note, _nobody(spec, made.final)]), *_rounding(spec, data.table))
    held_out = data.parts.test
    verdict, scores = judge(spec, data.table, made.judged, made.judged_on, held_out, champion, sequential=sequential)
    return _trained(spec, data, made, found, (verdict, scores), notes)


def _data(spec: ModelSpec, labelled: pa.Table, cut_off_ms: int, change: ChangePoint | None) -> _Data:
    table = with_short_texts(newest(labelled, spec.training.newest), spec.features)
    usable = known_at(to_examples(table, spec.features, spec.target.task), cut_off_ms, milliseconds(spec.target.delay))
    if not len(usable):
        raise ValueError(
            f"none of the {table.num_rows:,} labelled rows is {spec.target.delay} older than the newest "
            "(target.delay), with a label that is known by then"
        )
    before, since = split_at(usable, change.event_time if change else None)
    if not len(since):
        raise ValueError(f"none of the {len(usable):,} labelled rows lies after the change")
    window = "rows since the change" if change else "all rows"
    return _Data(table, input_specs(spec.features), usable, before, temporal_split(since, spec.training.split), window)


def _nobody(spec: ModelSpec, fitted: Fitted) -> str:
    """Classes whose weights are stated, and of which no row is."""
    stated = spec.training.class_weights
    names = [name for name, _ in stated if name not in fitted.classes] if isinstance(stated, tuple) else []
    return f"training.class_weights: no row is of class {', '.join(names)}" if names else ""


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


def _first_good(spec: ModelSpec, found: Search, data: _Data, more: bool) -> tuple[_Made, list[str]]:
    failures: list[str] = []
    for chosen in found.ranked:
        try:
            return _made(spec, chosen, data, more), failures
        except Exception as error:  # noqa: BLE001 - a candidate fails alone
            _log.warning("%s cannot be used: %s", chosen.candidate, error, exc_info=not isinstance(error, ValueError))
            failures.append(f"{chosen.candidate}: {said(error)}")
    raise NoCandidate("; ".join((*found.failures, *failures)))


def _made(spec: ModelSpec, best: Fitted, data: _Data, more: bool) -> _Made:
    """`more`: the budget allows to try other windows, and to judge what has learned the tune part too. What is served
    has learned every row in any case.
    """
    parts = data.parts

    def again(rows: Examples) -> Fitted:
        learned = spec.training
        params = refit_params(best)
        return fit(best.candidate, params, best.task, data.specs, rows, None, learned.seed, learned.class_weights)

    window, judged_on, judged = Window(data.window, parts.fit, best), parts.fit, best
    if more:
        window = best_window(best, data.before, parts, again, data.window)
        judged_on = window.reaching(window.rows.followed_by(parts.tune))
        judged = again(judged_on)
    final_on = window.reaching(data.usable)
    final = again(final_on)
    graph = to_onnx(final)
    parity = prove_parity(final, graph, parts.test.inputs, data.specs)
    same = one_answer(run_graph(graph, parts.test.inputs, final.task), final.scale)
    if same:
        raise ValueError(same)
    return _Made(window.name, judged, judged_on, final, final_on, graph, parity, more)


def _trained(
    spec: ModelSpec, data: _Data, made: _Made, found: Search, judged: tuple[Verdict, NDArray[np.float64]],
    notes: tuple[str, ...],
) -> Trained:  # fmt: skip
    final, test, (verdict, scores) = made.final, data.parts.test, judged
    reference = training_reference(
        data.table.take(pa.array(made.final_on.position)), spec.features, _span(made.final_on),
        scores=scores, classes=made.judged.classes, metrics=verdict.metrics, held_out_rows=len(test),
    )  # fmt: skip
    golden = _golden(test, data.specs)
    return Trained(
        candidate=final.candidate, params=final.params, classes=final.classes, graph=made.graph,
        output=score_name(final.task, golden), parity=made.parity,
        golden=(golden, run_graph(made.graph, golden, final.task)), golden_tolerance=GOLDEN_SLACK * tolerance_of(final),
        reference=reference, metrics=verdict.metrics, gate_metrics=verdict.ours, champion_metrics=verdict.theirs,
        gate=verdict.gate, search=found,
        rows={
            "labelled": data.table.num_rows, "fitted": len(made.final_on), "test": len(test), "gate": verdict.rows,
        },
        notes=notes, contest=verdict.contest, window=made.window, spread=final.scale,
        threshold=verdict.threshold, class_weights=dict(zip(final.classes, final.weights, strict=False)),
        tried_windows=made.more,
    )  # fmt: skip


def _golden(test: Examples, specs: tuple[InputSpec, ...]) -> dict[str, Array]:
    rows = np.unique(np.linspace(0, len(test) - 1, min(len(test), GOLDEN_ROWS)).astype(np.int64))
    return edge_rows({name: column[rows] for name, column in test.inputs.items()}, specs)


def _seconds(found: Search) -> float:
    return max(attempt.seconds for attempt in found.attempts if attempt.candidate == found.best.candidate)


def _span(rows: Examples) -> tuple[int, int]:
    return int(rows.event_time.min()), int(rows.event_time.max())
