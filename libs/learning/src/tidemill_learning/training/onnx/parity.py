"""Proof that the exported graph is the fitted learner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.examples import InputSpec, Task
from tidemill_learning.training.learners import Fitted

PROBABILITY_TOLERANCE = 2e-5
"""Absolute. The graph adds up leaf values in float32, scikit-learn in float64: some 1e-6 apart after 300 trees."""

VALUE_TOLERANCE = 1e-4
"""Regression: relative to the spread of the target (or to how far beyond it a value lies), for the same reason."""

MAX_ROWS = 5_000
UNSEEN_CATEGORY = "\u2603 never seen in training"

Inputs = dict[str, NDArray[np.generic]]


class ParityError(ValueError):
    """The graph and the learner disagree: the graph must not be served."""


@dataclass(frozen=True, slots=True)
class Parity:
    """`rows` compared (edge rows among them), and the largest difference seen, which is within `tolerance`.

    Both are in units of the score. Of a value that lies beyond the target's spread, the difference counts in
    proportion.
    """

    rows: int
    largest: float
    tolerance: float


def prove_parity(
    fitted: Fitted, graph: bytes, inputs: Mapping[str, NDArray[np.generic]], specs: Sequence[InputSpec]
) -> Parity:
    """Score held-out rows and edge rows both ways. Raises `ParityError` where any row differs by more than
    stated.
    """
    rows = edge_rows(_thinned(inputs), specs)
    ours = fitted.score(rows)
    theirs = run_graph(graph, rows, fitted.task)
    if not np.isfinite(theirs).all():
        raise ParityError("the graph gives values that are not finite")
    tolerance = tolerance_of(fitted)
    difference = np.abs(ours - theirs).reshape(len(ours), -1).max(axis=1) / _farness(fitted, ours)
    worst = int(np.argmax(difference))
    if not difference[worst] <= tolerance:
        shown = {name: str(column[worst, 0])[:100] for name, column in rows.items()}
        raise ParityError(f"row {worst} differs by {difference[worst]:.3g} (allowed {tolerance:.3g}): {shown}")
    return Parity(len(ours), float(difference[worst]), tolerance)


def tolerance_of(fitted: Fitted) -> float:
    """By how much the graph may differ from the learner, in units of the score."""
    return PROBABILITY_TOLERANCE if fitted.task != "regression" else VALUE_TOLERANCE * fitted.scale


def _farness(fitted: Fitted, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many spreads of the target a value lies away from its centre, at least one."""
    if fitted.task != "regression":
        return np.ones(len(scores))
    return np.maximum(1.0, np.abs(scores - fitted.centre) / fitted.scale)


def edge_rows(inputs: Inputs, specs: Sequence[InputSpec]) -> Inputs:
    """The rows themselves, followed by copies of the first one with every input null, unseen, extreme or the next
    number in turn.
    """
    changes: list[dict[str, object]] = [{spec.name: _null(spec) for spec in specs}]
    for spec in specs:
        if spec.kind == "category":
            changes += [{spec.name: edge} for edge in (_null(spec), UNSEEN_CATEGORY)]
        else:
            changes += [{spec.name: edge} for edge in (_null(spec), -1e6, 0.0, 1e6, *_next_to(inputs[spec.name][0, 0]))]
    result: Inputs = {}
    for spec in specs:
        column = inputs[spec.name]
        extra = [change.get(spec.name, column[0, 0]) for change in changes]
        result[spec.name] = np.concatenate([column, np.array(extra, dtype=column.dtype).reshape(-1, 1)])
    return result


def _next_to(value: object) -> tuple[float, float]:
    number = float(value)  # type: ignore[arg-type]
    return float(np.nextafter(number, np.inf)), number + 1.0


def run_graph(graph: bytes, inputs: Mapping[str, NDArray[np.generic]], task: Task) -> NDArray[np.float64]:
    """Scores by ONNX Runtime on one thread, in the shape that `Fitted.score` has."""
    return open_graph(graph, task)(inputs)


def open_graph(graph: bytes, task: Task) -> Callable[[Mapping[str, NDArray[np.generic]]], NDArray[np.float64]]:
    """`run_graph` of a graph that is to be run more than once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names, output = [one.name for one in session.get_inputs()], [session.get_outputs()[-1].name]

    def run(inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        scores = np.asarray(session.run(output, {name: inputs[name] for name in names})[0], dtype=np.float64)
        if task == "regression":
            return scores.reshape(-1)
        return scores[:, 1] if task == "binary" else scores

    return run


def _null(spec: InputSpec) -> object:
    return "" if spec.kind == "category" else float("nan")


def _thinned(inputs: Mapping[str, NDArray[np.generic]]) -> Inputs:
    count = len(next(iter(inputs.values())))
    rows = np.unique(np.linspace(0, count - 1, min(count, MAX_ROWS)).astype(np.int64))
    return {name: column[rows] for name, column in inputs.items()}
