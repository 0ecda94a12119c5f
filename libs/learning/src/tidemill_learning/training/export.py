"""A fitted learner as one self-contained ONNX graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tidemill_learning.training.learners import Fitted
from tidemill_learning.training.trees import boosting_node

OPSET = 17
ML_OPSET = 3
IR_VERSION = 8
"""Fixed, and older than what every ONNX Runtime of the last years reads: a graph must outlive upgrades."""


def to_onnx(fitted: Fitted) -> bytes:
    """The graph: one named input [n, 1] per feature (string or float32).

    Outputs: ``label`` [n] (int64 0/1, or string) and ``probabilities`` [n, C] for classes; ``value`` [n, 1]
    for regression. Standard operators only (``ai.onnx`` 17, ``ai.onnx.ml`` 3), no external data.
    """
    inputs, nodes = fitted.encoder.nodes("matrix")
    initializers: list[onnx.TensorProto] = []
    if fitted.candidate == "gradient_boosting":
        nodes += _boosting(fitted)
    else:
        body, initializers = _converted(fitted)
        nodes += body
    graph = helper.make_graph(nodes, "tidemill", inputs, _outputs(fitted), initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tidemill")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _outputs(fitted: Fitted) -> list[onnx.ValueInfoProto]:
    if fitted.task == "regression":
        return [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1])]
    label = TensorProto.INT64 if fitted.task == "binary" else TensorProto.STRING
    return [
        helper.make_tensor_value_info("label", label, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(fitted.classes)]),
    ]


def _boosting(fitted: Fitted) -> list[onnx.NodeProto]:
    if fitted.task == "regression":
        return [boosting_node(fitted.estimator, "matrix", "value")]
    nodes = [boosting_node(fitted.estimator, "matrix", "raw")]
    if int(fitted.estimator.n_trees_per_iteration_) == 1:
        one = helper.make_tensor("one_value", TensorProto.FLOAT, [1], [1.0])
        nodes += [
            helper.make_node("Sigmoid", ["raw"], ["positive"]),
            helper.make_node("Constant", [], ["one"], value=one),
            helper.make_node("Sub", ["one", "positive"], ["negative"]),
            helper.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
        ]
    else:
        nodes.append(helper.make_node("Softmax", ["raw"], ["probabilities"], axis=1))
    return nodes + _label(fitted)


def _label(fitted: Fitted) -> list[onnx.NodeProto]:
    found = helper.make_node("ArgMax", ["probabilities"], ["position"], axis=1, keepdims=0)
    if fitted.task == "binary":
        return [found, helper.make_node("Identity", ["position"], ["label"])]
    named = helper.make_node(
        "LabelEncoder",
        ["position"],
        ["label"],
        domain="ai.onnx.ml",
        keys_int64s=list(range(len(fitted.classes))),
        values_strings=list(fitted.classes),
    )
    return [found, named]


def _converted(fitted: Fitted) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """skl2onnx's graph of the estimator, taken over with its ends renamed to ours."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    regression = fitted.task == "regression"
    options: dict[int, dict[str, Any]] = {} if regression else {id(fitted.estimator): {"zipmap": False}}
    converted = convert_sklearn(
        fitted.estimator,
        initial_types=[("matrix", FloatTensorType([None, fitted.encoder.width]))],
        final_types=None,
        options=options,
        target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
    )
    names = ["value"] if regression else ["label", "probabilities"]
    ends = {output.name: name for output, name in zip(converted.graph.output, names, strict=True)}
    nodes = [_renamed(node, ends) for node in converted.graph.node]
    return nodes, list(converted.graph.initializer)


def _renamed(node: onnx.NodeProto, ends: dict[str, str]) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    prefixed = {name for name in [*node.input, *node.output] if name in ends}
    for names in (copy.input, copy.output):
        for position, name in enumerate(names):
            if name in prefixed:
                names[position] = ends[name]
    return copy


def graph_inputs(model: bytes) -> dict[str, np.dtype[Any]]:
    """Input names with numpy dtypes, in graph order."""
    graph = onnx.load_from_string(model).graph
    kinds = {TensorProto.STRING: np.dtype(object), TensorProto.FLOAT: np.dtype(np.float32)}
    return {one.name: kinds[one.type.tensor_type.elem_type] for one in graph.input}
