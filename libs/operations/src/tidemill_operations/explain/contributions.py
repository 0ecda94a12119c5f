"""What each input of a graph adds to the raw score of one row: exact, and proved to add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tidemill.artifact.manifest import Manifest
from tidemill.artifact.onnx_model import graph_session
from tidemill_operations.errors import NotPossible
from tidemill_operations.explain.ensemble import read_ensemble
from tidemill_operations.explain.graph_columns import GraphColumns, Mixed
from tidemill_operations.explain.tree_shap import Shares, shapley

ADDITIVE = 1e-6
"""Relative to the raw score where that is above 1: base and contributions add up to it this closely."""

AS_THE_GRAPH = 2e-5
"""How far the graph's own raw score may lie from the exact one, by the same measure: it adds up leaves in float32."""

LEARNERS = ("TreeEnsembleRegressor", "Gemm")
TARGET_SCALE, TARGET_CENTRE = "t.target_scale", "t.target_centre"
"""Constants by which our own graphs of a regression turn units of the target's spread into the target's own."""

Inputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """`base` and all of `by_input` add up to `raw`. `method`: how they were computed. `towards`: the class that they
    are about, empty for a regression. `unit`: of the raw score: log-odds, probability, or the target's own. `counts`:
    which rows say how likely a way down a tree is, empty for a linear model.
    """

    method: Literal["TreeSHAP, path-dependent", "linear"]
    towards: str
    unit: str
    base: float
    by_input: dict[str, float]
    raw: float
    counts: str = ""


class NotTold(ValueError):
    """The graph is not of a form whose contributions are known exactly; the message says why."""


def contributions(data: bytes, manifest: Manifest, row: Inputs, known: Inputs) -> Contributions:
    """Of one row, to the positive class, the likeliest of several, or the value. `known`: rows to count ways down the
    trees by, where the graph does not carry the training's counts.

    Raises NotTold for other graphs than one ensemble of trees, or one linear form, on columns that each come from one
    input; NotPossible where the result does not add up, which is a defect.
    """
    model = onnx.load_from_string(data)
    node = _learner(model.graph)
    try:
        sources = GraphColumns(model.graph).of(node.input[0])
    except Mixed as error:
        raise NotTold(str(error)) from error
    matrix, raw = _inside(model, [node.input[0], node.output[0]], row)
    target = _target(manifest, raw[0])
    if node.op_type == "Gemm":
        shares, method, counts = _linear(model.graph, node, matrix[0], target), "linear", ""
    else:
        method = "TreeSHAP, path-dependent"
        shares, counts = _trees(model, node, matrix[0], target, known)
    _prove(shares, float(raw[0, target]))
    scale, centre = _frame(model.graph, manifest)
    by_input = dict.fromkeys(manifest.inputs, 0.0)
    for source, share in zip(sources, shares.columns, strict=True):
        if source is not None:
            by_input[source] += float(share) * scale
    return Contributions(
        method=method, towards=_class(manifest, target), unit=_unit(manifest, node), counts=counts,  # type: ignore[arg-type]
        base=shares.base * scale + centre, by_input=by_input, raw=shares.score * scale + centre,
    )  # fmt: skip


def _learner(graph: onnx.GraphProto) -> onnx.NodeProto:
    found = [node for node in graph.node if node.op_type in LEARNERS]
    others = sorted(
        {node.op_type for node in graph.node if node.op_type.startswith(("TreeEnsembleC", "SVM", "MatMul"))}
    )
    if len(found) != 1 or others:
        told = ", ".join(sorted({node.op_type for node in graph.node}))
        raise NotTold(f"the graph is not one ensemble of trees or one linear form; it has {told}")
    learner: onnx.NodeProto = found[0]
    return learner


def _inside(model: onnx.ModelProto, tensors: list[str], row: Inputs) -> list[NDArray[Any]]:
    """Tensors within the graph, [1, width], as ONNX Runtime makes them."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    there = {one.name for one in opened.graph.output}
    opened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in tensors if name not in there)
    session = graph_session(opened.SerializeToString(), 1)
    feeds = {one.name: row[one.name].astype(np.float32) if "float)" in one.type else row[one.name]
             for one in session.get_inputs()}  # fmt: skip
    return [np.asarray(found).reshape(len(found), -1) for found in session.run(tensors, feeds)]


def _target(manifest: Manifest, raw: NDArray[Any]) -> int:
    """Which column of the raw scores is explained."""
    if len(raw) == 1:
        return 0
    if len(raw) != len(manifest.classes):
        raise NotTold(f"the learner gives {len(raw)} numbers for {len(manifest.classes)} classes")
    if manifest.positive_class is not None:
        return manifest.classes.index(manifest.positive_class)
    return int(raw.argmax())


def _class(manifest: Manifest, target: int) -> str:
    if manifest.task == "binary":
        return manifest.positive_class or ""
    return manifest.classes[target] if manifest.classes else ""


def _unit(manifest: Manifest, node: onnx.NodeProto) -> str:
    if manifest.task == "regression":
        return "value"
    boosted = node.op_type == "Gemm" or any(one.name.startswith("base_values") for one in node.attribute)
    return "log-odds" if boosted else "probability"


def _linear(graph: onnx.GraphProto, node: onnx.NodeProto, row: NDArray[Any], target: int) -> Shares:
    """Weight times column; the base is the intercept. Numbers are scaled, so that 0 is their mean in training."""
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    said = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    if node.input[1] not in constants or said.get("transA"):
        raise NotTold("the weights of its linear form are no constants")
    weights = constants[node.input[1]].astype(np.float64)
    weights = (weights.T if said.get("transB") else weights) * float(said.get("alpha", 1.0))
    offsets = np.zeros(weights.shape[1])
    if len(node.input) > 2 and node.input[2]:
        offsets = offsets + constants[node.input[2]].astype(np.float64) * float(said.get("beta", 1.0))
    columns = row.astype(np.float64) * weights[:, target]
    return Shares(float(offsets[target]), columns, float(offsets[target] + row.astype(np.float64) @ weights[:, target]))


def _trees(
    model: onnx.ModelProto, node: onnx.NodeProto, row: NDArray[Any], target: int, known: Inputs
) -> tuple[Shares, str]:
    try:
        ensemble = read_ensemble(node)
    except ValueError as error:
        raise NotTold(str(error)) from error
    counts = "the rows of the training"
    if len(ensemble.covers) != len(ensemble.splits) + len(ensemble.leaves):
        counts = "the golden rows, for the graph does not carry the training's"
        ensemble.count(_inside(model, [node.input[0]], known)[0])
    return shapley(ensemble.paths(row, target), len(row), ensemble.constant(target)), counts


def _prove(shares: Shares, of_graph: float) -> None:
    """That base and columns add up to the score, and that this is the graph's."""
    unit = max(1.0, abs(shares.score))
    off = abs(shares.base + float(shares.columns.sum()) - shares.score) / unit
    apart = abs(of_graph - shares.score) / unit
    if not (off <= ADDITIVE and apart <= AS_THE_GRAPH):
        raise NotPossible(
            f"the contributions do not add up: they miss the raw score {shares.score!r} by {off:.3g}, and the graph's "
            f"own {of_graph!r} by {apart:.3g}. This is a defect of Tidemill: report it with the version's manifest"
        )


def _frame(graph: onnx.GraphProto, manifest: Manifest) -> tuple[float, float]:
    """From the learner's units to the target's, of a regression of ours."""
    constants = {one.name: one for one in graph.initializer if one.name in (TARGET_SCALE, TARGET_CENTRE)}
    if manifest.task != "regression" or len(constants) != len((TARGET_SCALE, TARGET_CENTRE)):
        return 1.0, 0.0
    return tuple(float(numpy_helper.to_array(constants[name]).ravel()[0]) for name in (TARGET_SCALE, TARGET_CENTRE))  # type: ignore[return-value]
