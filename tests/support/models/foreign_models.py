"""ONNX graphs as other people make them: one input for each feature, made without scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper


def foreign_graph(
    numbers: Sequence[str], categories: Sequence[str] = (), *, weight: float = 1.0, output: str = "probabilities"
) -> bytes:
    """Two probabilities a row: the second is 1 / (1 + exp(-weight * the first number)). The other inputs are taken and
    not looked at.
    """
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 2], [0.0, weight])
    nodes = [
        helper.make_node("MatMul", [numbers[0], "w"], ["z"]),
        helper.make_node("Softmax", ["z"], [output], axis=1),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in numbers]
    inputs += [helper.make_tensor_value_info(name, TensorProto.STRING, [None, 1]) for name in categories]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, 2])]
    body = helper.make_graph(nodes, "foreign", inputs, outputs, [weights])
    model: onnx.ModelProto = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())
