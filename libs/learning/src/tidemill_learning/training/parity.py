"""Proof that the exported graph is the fitted learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.examples import InputSpec, Task
from tidemill_learning.training.learners import Fitted

PROBABILITY_TOLERANCE = 2e-5
"""Absolute. The graph adds up leaf values in float32, scikit-learn in float64: some 1e-6 apart after 300
trees.
"""

VALUE_TOLERANCE = 1e-4
"""Regression: relative to the largest value, for the same reason."""

MAX_ROWS = 5_000
UNSEEN_CATEGORY = "\u2603 never seen in training"

Inputs = dict[str, NDArray[np.generic]]


class ParityError(ValueError):
    """The graph and the learner disagree: the graph must not be served."""


@dataclass(frozen=True, slots=True)
class Parity:
    """``rows`` compared (edge rows among them), and the largest difference seen, which is within
    ``tolerance``.
    """

    rows: int
    largest: float
    tolerance: float


def prove_parity(
    fitted: Fitted, graph: bytes, inputs: Mapping[str, NDArray[np.generic]], specs: Sequence[InputSpec]
) -> Parity:
    """Score held-out rows and edge rows both ways. Raises ``ParityError`` where any row differs by more than
    stated.
    """
    rows = edge_rows(_thinned(inputs), specs)
    ours = fitted.score(rows)
    theirs = run_graph(graph, rows, fitted.task)
    if not np.isfinite(theirs).all():
        raise ParityError("the graph gives values that are not finite")
    tolerance = _tolerance(fitted.task, ours)
    difference = np.abs(ours - theirs).reshape(len(ours), -1).max(axis=1)
    worst = int(np.argmax(difference))
    if difference[worst] > tolerance:
        shown = {name: column[worst, 0] for name, column in rows.items()}
        raise ParityError(f"row {worst} differs by {difference[worst]:.3g} (allowed {tolerance:.3g}): {shown}")
    return Parity(len(ours), float(difference[worst]), tolerance)


def edge_rows(inputs: Inputs, specs: Sequence[InputSpec]) -> Inputs:
    """The rows themselves, followed by copies of the first one with every input null, unseen or extreme in
    turn.
    """
    changes: list[dict[str, object]] = [{spec.name: _null(spec) for spec in specs}]
    for spec in specs:
        edges = [_null(spec), UNSEEN_CATEGORY] if spec.kind == "category" else [_null(spec), -1e6, 0.0, 1e6]
        changes += [{spec.name: edge} for edge in edges]
    result: Inputs = {}
    for spec in specs:
        column = inputs[spec.name]
        extra = [change.get(spec.name, column[0, 0]) for change in changes]
        result[spec.name] = np.concatenate([column, np.array(extra, dtype=column.dtype).reshape(-1, 1)])
    return result


def run_graph(graph: bytes, inputs: Mapping[str, NDArray[np.generic]], task: Task) -> NDArray[np.float64]:
    """Scores by ONNX Runtime on one thread, in the shape that ``Fitted.score`` has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    feed = {one.name: inputs[one.name] for one in session.get_inputs()}
    scores = np.asarray(session.run(["value" if task == "regression" else "probabilities"], feed)[0], dtype=np.float64)
    if task == "regression":
        return scores.reshape(-1)
    return scores[:, 1] if task == "binary" else scores


def _null(spec: InputSpec) -> object:
    return "" if spec.kind == "category" else np.float32("nan")


def _thinned(inputs: Mapping[str, NDArray[np.generic]]) -> Inputs:
    count = len(next(iter(inputs.values())))
    rows = np.unique(np.linspace(0, count - 1, min(count, MAX_ROWS)).astype(np.int64))
    return {name: column[rows] for name, column in inputs.items()}


def _tolerance(task: Task, scores: NDArray[np.float64]) -> float:
    if task != "regression":
        return PROBABILITY_TOLERANCE
    return VALUE_TOLERANCE * max(1.0, float(np.abs(scores).max()))
