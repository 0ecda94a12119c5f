"""Small ONNX models made by hand for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

from tidemill.artifact import FeatureColumn, Manifest

FEATURES = (FeatureColumn("distance", "number"),)


def manifest(**changes: Any) -> Manifest:
    """A regression on one number, with `changes`."""
    defaults: dict[str, Any] = {
        "model": "toy",
        "version": 1,
        "task": "regression",
        "output": "y",
        "features": FEATURES,
    }
    return Manifest(**{**defaults, **changes})


def graph(
    nodes: Sequence[onnx.NodeProto],
    *,
    initializers: Sequence[onnx.TensorProto] = (),
    inputs: Sequence[onnx.ValueInfoProto] | None = None,
    outputs: Sequence[onnx.ValueInfoProto] | None = None,
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model of `nodes`, from the number `distance` to `y` if nothing else is said."""
    inputs = inputs or [helper.make_tensor_value_info("distance", TensorProto.FLOAT, [None, 1])]
    outputs = outputs or [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])]
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(domain, 1) for domain in domains)]
    body = helper.make_graph(list(nodes), "toy", list(inputs), list(outputs), list(initializers))
    return helper.make_model(body, opset_imports=opsets, ir_version=9)


def scaling(factor: float) -> bytes:
    """y = distance * factor."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [factor])
    return graph([helper.make_node("Mul", ["distance", "w"], ["y"])], initializers=[weight]).SerializeToString()
