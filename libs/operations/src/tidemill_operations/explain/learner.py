"""The learner inside a graph, one row in front of it, and what each column adds to what it says of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tidemill.artifact.manifest import Manifest
from tidemill.artifact.onnx_model import graph_session
from tidemill_operations.explain.ensemble import read_ensemble
from tidemill_operations.explain.graph_columns import GraphColumns, Mixed, Sources
from tidemill_operations.explain.tree_shap import Shares, shapley

LINEAR = "Gemm"
LEARNERS = ("TreeEnsembleRegressor", LINEAR)
TARGET_SCALE, TARGET_CENTRE = "t.target_scale", "t.target_centre"
"""Constants by which our own graphs of a regression turn units of the target's spread into the target's own."""

Inputs = Mapping[str, NDArray[Any]]


class NotTold(ValueError):
    """The graph is not of a form whose contributions are known exactly; the message says why."""


@dataclass(frozen=True, slots=True)
class Learner:
    """One ensemble of trees or one linear form. `sources`: which input each of its columns is made from; `matrix`:
    the row's columns, [width]; `raw`: what the graph says of them, [T].
    """

    model: onnx.ModelProto
    node: onnx.NodeProto
    sources: Sources
    matrix: NDArray[Any]
    raw: NDArray[Any]

    @property
    def graph(self) -> onnx.GraphProto:
        """All of it."""
        return self.model.graph

    @property
    def linear(self) -> bool:
        """Whether it is a linear form."""
        return bool(self.node.op_type == LINEAR)

    @property
    def odds(self) -> bool:
        """Whether its raw scores are log-odds, of a task with classes; else they are probabilities."""
        return self.linear or any(one.name.startswith("base_values") for one in self.node.attribute)

    def shares(self, target: int, known: Inputs) -> tuple[Shares, str]:
        """What each column adds to a raw score, and which rows say how likely a way down a tree is: `known` ones, where
        the graph does not carry the training's counts. Raises NotTold.
        """
        return (_linear(self, target), "") if self.linear else _trees(self, target, known)


def open_learner(data: bytes, manifest: Manifest, row: Inputs) -> Learner:
    """Raises NotTold for other graphs than one ensemble of trees, or one linear form, on columns that each come from
    one input.
    """
    model = onnx.load_from_string(data)
    node = _learner(model.graph)
    try:
        sources = GraphColumns(model.graph).of(node.input[0])
    except Mixed as error:
        raise NotTold(str(error)) from error
    matrix, raw = inside(model, [node.input[0], node.output[0]], row)
    if len(raw[0]) not in (1, len(manifest.classes)):
        raise NotTold(f"the learner gives {len(raw[0])} numbers for {len(manifest.classes)} classes")
    return Learner(model, node, sources, matrix[0], raw[0])


def inside(model: onnx.ModelProto, tensors: list[str], row: Inputs) -> list[NDArray[Any]]:
    """Tensors within the graph, [rows, width], as ONNX Runtime makes them."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    there = {one.name for one in opened.graph.output}
    opened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in tensors if name not in there)
    session = graph_session(opened.SerializeToString(), 1)
    feeds = {one.name: row[one.name].astype(np.float32) if "float)" in one.type else row[one.name]
             for one in session.get_inputs()}  # fmt: skip
    return [np.asarray(found).reshape(len(found), -1) for found in session.run(tensors, feeds)]


def frame_of(graph: onnx.GraphProto, manifest: Manifest) -> tuple[float, float]:
    """From the learner's units to the target's, of a regression of ours: scale and centre."""
    constants = {one.name: one for one in graph.initializer if one.name in (TARGET_SCALE, TARGET_CENTRE)}
    if manifest.task != "regression" or len(constants) != len((TARGET_SCALE, TARGET_CENTRE)):
        return 1.0, 0.0
    return tuple(float(numpy_helper.to_array(constants[name]).ravel()[0]) for name in (TARGET_SCALE, TARGET_CENTRE))  # type: ignore[return-value]


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


def _linear(learner: Learner, target: int) -> Shares:
    """Weight times column; the base is the intercept. Numbers are scaled, so that 0 is their mean in training."""
    node, row = learner.node, learner.matrix
    constants = {one.name: numpy_helper.to_array(one) for one in learner.graph.initializer}
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


def _trees(learner: Learner, target: int, known: Inputs) -> tuple[Shares, str]:
    node, row = learner.node, learner.matrix
    try:
        ensemble = read_ensemble(node)
    except ValueError as error:
        raise NotTold(str(error)) from error
    counts = "the rows of the training"
    if len(ensemble.covers) != len(ensemble.splits) + len(ensemble.leaves):
        counts = "the golden rows, for the graph does not carry the training's"
        ensemble.count(inside(learner.model, [node.input[0]], known)[0])
    return shapley(ensemble.paths(row, target), len(row), ensemble.constant(target)), counts
