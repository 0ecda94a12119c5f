"""A mixture of versions, ready to be a version itself: composed, proved equal to its members, and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.artifact import Golden, OnnxModel, told_mixture
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.quantities import milliseconds
from tidemill_learning.decisions import ONE_HALF
from tidemill_learning.gate import MIN_ROWS, RuleResult, one_answer
from tidemill_learning.mixture.graph import Composed, compose, weights_of
from tidemill_learning.mixture.member import Member, MixtureError
from tidemill_learning.reference import training_reference
from tidemill_learning.training.examples import Examples
from tidemill_learning.training.labelled import input_specs, newest, to_examples
from tidemill_learning.training.metrics import measure
from tidemill_learning.training.onnx.parity import edge_rows, open_graph
from tidemill_learning.training.scaling import spread_of
from tidemill_learning.training.split import known_at
from tidemill_learning.training.texts import with_short_texts

PARITY = 1e-6
"""By how much a mixture's score may miss the weighted sum of its members' scores; of a value in units of the target's
spread, or of its own size where that is larger.
"""

GOLDEN_ROWS = 32
RECENT = 2_000
"""Newest rows that are scored where too few are there that no member has learned."""

CALIBRATION = "calibration_error"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mixed:
    """`composed`: the graph. `golden`: rows with its scores. `metrics`: on `rows["unlearned"]` rows that no member has
    learned, or, where these are too few, the members' own of their hold-outs by their weights; `window` says which.
    `threshold`: the members' by their weights, None where no cost is stated. `checks`: what was looked at.
    """

    composed: Composed
    golden: Golden
    reference: dict[str, Any]
    metrics: dict[str, float]
    threshold: float | None
    rows: dict[str, int]
    window: str
    checks: tuple[RuleResult, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """`learned`: rows of the time that the members have learned; `judged`: that none of them has, or the newest."""

    table: pa.Table
    learned: Examples
    judged: Examples
    unlearned: bool


def mix(spec: ModelSpec, labelled: pa.Table, cut_off_ms: int, members: Sequence[Member]) -> Mixed:
    """Compose `members` and measure the whole on `labelled` rows (as `join_labels` gives them) that were known by
    `cut_off_ms`. Deterministic for the same members, rows and model file.

    Raises MixtureError where the members do not go together, where the rows lack what they read, and where the graph
    does not answer with the weighted sum of its members' scores, or the same to every row, or nothing to some.
    """
    made = compose(members)
    rows = _rows(spec, labelled, cut_off_ms, made, members)
    task, specs = spec.target.task, input_specs(made.features)
    answer, theirs = open_graph(made.graph, task), [OnnxModel.load(one.graph, one.manifest) for one in members]
    scores, each = answer(rows.judged.inputs), [model.score(rows.judged.inputs) for model in theirs]
    spread = spread_of(rows.judged.target.astype(np.float64)) or 1.0 if task == "regression" else 1.0
    nothing = int((~np.isfinite(scores).reshape(len(scores), -1).all(axis=1)).sum())
    same = f"it gives no number for {nothing:,} of {len(scores):,} rows" if nothing else one_answer(scores, spread)
    if same:
        raise MixtureError(same)
    asked = _golden_inputs(rows.judged, specs)
    found = answer(asked)
    parity = _parity(made, members, found, [model.score(asked) for model in theirs], spread)
    known = np.isfinite(found).reshape(len(found), -1).all(axis=1)  # a member may have no number for an odd row
    golden = Golden({name: values[known] for name, values in asked.items()}, found[known], _tolerance(members))
    threshold = _threshold(spec, members)
    measured = _measured(spec, rows, scores, made.classes, threshold) if rows.unlearned else _of_hold_outs(members)
    metrics = {name: value for name, value in measured.items() if np.isfinite(value)}
    checks = (parity, *_calibration(spec, rows, metrics, members, each), *_members(spec, rows, members, each))
    return Mixed(
        composed=made, golden=golden, reference=_reference(rows, made, members, scores, metrics), metrics=metrics,
        threshold=threshold, rows=_counts(labelled, rows), window=_window(members, rows), checks=checks,
    )  # fmt: skip


def _rows(
    spec: ModelSpec, labelled: pa.Table, cut_off_ms: int, made: Composed, members: Sequence[Member]
) -> _Rows:  # fmt: skip
    missing = [one.name for one in made.features if one.name not in labelled.column_names]
    if missing:
        raise MixtureError(f"the rows have no {', '.join(missing)}, which a member reads")
    table = with_short_texts(newest(labelled, spec.training.newest), made.features)
    examples = to_examples(table, made.features, spec.target.task)
    usable = known_at(examples, cut_off_ms, milliseconds(spec.target.delay))
    if not len(usable):
        raise MixtureError(f"none of the {table.num_rows:,} labelled rows is {spec.target.delay} older than the newest")
    first, last = _span(members)
    fresh = np.flatnonzero(usable.event_time > last)
    within = np.flatnonzero((usable.event_time >= first) & (usable.event_time <= last))
    unlearned = len(fresh) >= MIN_ROWS
    judged = usable.take(fresh if unlearned else np.arange(max(0, len(usable) - RECENT), len(usable)))
    return _Rows(table, usable.take(within) if len(within) else usable, judged, unlearned)


def _span(members: Sequence[Member]) -> tuple[int, int]:
    """Event times of the first and of the last row that any of them has learned."""
    spans = [one.learned for one in members]
    return min(first for first, _ in spans), max(last for _, last in spans)


def _golden_inputs(rows: Examples, specs: Any) -> dict[str, NDArray[np.generic]]:
    at = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), GOLDEN_ROWS)).astype(np.int64))
    return edge_rows({name: column[at] for name, column in rows.inputs.items()}, specs)


def _parity(
    made: Composed, members: Sequence[Member], found: Floats, theirs: Sequence[Floats], spread: float
) -> RuleResult:  # fmt: skip
    """That the graph is its members, on rows of every kind: where one of them has no number, it has none."""
    parts = zip(members, theirs, strict=True)
    wanted = np.sum([scores @ weights_of(one, made.classes) if scores.ndim == 2 else one.weight * scores
                     for one, scores in parts], axis=0)  # fmt: skip
    apart = np.abs(found - wanted) / np.maximum(spread, np.abs(wanted))
    apart = np.where(np.isnan(found) & np.isnan(wanted), 0.0, np.where(np.isnan(apart), np.inf, apart))
    largest = float(apart.max())
    if not largest <= PARITY:
        raise MixtureError(f"its answers miss the weighted sum of its members' by {largest:.3g}, {PARITY:g} is allowed")
    detail = f"{len(found)} rows answered as the weighted sum of its members', to {largest:.2g}"
    return RuleResult("parity", "score", largest, PARITY, True, detail)


def _tolerance(members: Sequence[Member]) -> float | None:
    stated = [one.weight * one.tolerance for one in members if one.tolerance is not None]
    return float(sum(stated)) if len(stated) == len(members) else None


def _threshold(spec: ModelSpec, members: Sequence[Member]) -> float | None:
    """As its scores are: each member's own, chosen on its hold-out, by its weight."""
    if spec.target.task != "binary" or all(one.manifest.threshold is None for one in members):
        return None
    return float(sum(one.weight * one.manifest.decides_at for one in members))


def _measured(
    spec: ModelSpec, rows: _Rows, scores: Floats, classes: Sequence[str], threshold: float | None
) -> dict[str, float]:  # fmt: skip
    decides_at = ONE_HALF if threshold is None else threshold
    return measure(spec.target.task, rows.judged.target, scores, classes, decides_at, spec.target.cost)


def _of_hold_outs(members: Sequence[Member]) -> dict[str, float]:
    known = set.intersection(*(set(one.manifest.metrics) for one in members))
    return {name: sum(one.weight * one.manifest.metrics[name] for one in members) for name in sorted(known)}


def _calibration(
    spec: ModelSpec, rows: _Rows, metrics: Mapping[str, float], members: Sequence[Member], each: Sequence[Floats]
) -> list[RuleResult]:
    """Whether what it promises is kept as well as by the worst of its members, on the same rows. It stops nothing:
    averages of honest scores are a little too cautious (Ranjan, Gneiting: JRSS B 72, 2010).
    """
    if not rows.unlearned or CALIBRATION not in metrics:
        return []
    theirs = [_of_member(spec, rows, one, scores)[CALIBRATION] for one, scores in zip(members, each, strict=True)]
    found, worst = metrics[CALIBRATION], max(theirs)
    detail = f"calibration error {found:.4f}, of the worst of its members {worst:.4f}, on {len(rows.judged):,} rows"
    return [RuleResult("calibration", CALIBRATION, found, worst, found <= worst, detail)]


def _members(
    spec: ModelSpec, rows: _Rows, members: Sequence[Member], each: Sequence[Floats]
) -> list[RuleResult]:  # fmt: skip
    """What each of them has of it, and how good it is by itself where that can be said."""
    told = []
    for one, scores in zip(members, each, strict=True):
        metric = spec.training.metric
        own = _of_member(spec, rows, one, scores).get(metric) if rows.unlearned else None
        alone = "" if own is None else f"; {metric} {own:.4g} by itself, on {len(rows.judged):,} rows"
        detail = f"version {one.version} has {one.weight:.6g} of it{alone}"
        told.append(RuleResult("mixture", f"version {one.version}", one.weight, 0.0, True, detail))
    return told


def _of_member(spec: ModelSpec, rows: _Rows, member: Member, scores: Floats) -> dict[str, float]:
    classes, decides_at = member.manifest.classes, member.manifest.decides_at
    return measure(spec.target.task, rows.judged.target, scores, classes, decides_at, spec.target.cost)


def _reference(
    rows: _Rows, made: Composed, members: Sequence[Member], scores: Floats, metrics: Mapping[str, float]
) -> dict[str, Any]:
    """Of rows of the time that its members have learned; its scores on those that none has, where there are enough."""
    return training_reference(
        rows.table.take(pa.array(rows.learned.position)), made.features, _span(members),
        scores=scores, classes=made.classes, metrics=metrics, held_out_rows=len(rows.judged),
    )  # fmt: skip


def _counts(labelled: pa.Table, rows: _Rows) -> dict[str, int]:
    unlearned = len(rows.judged) if rows.unlearned else 0
    return {"labelled": labelled.num_rows, "fitted": len(rows.learned), "unlearned": unlearned}


def _window(members: Sequence[Member], rows: _Rows) -> str:
    told = told_mixture([(one.version, one.weight) for one in members])
    if rows.unlearned:
        return f"those of {told}; measured on {len(rows.judged):,} rows that none of them has learned"
    return f"those of {told}; metrics are of their hold-outs, by their weights, for labels since are too few"
