"""Large graphs for the benchmark of memory: a dense one and a forest, of any size up to what is admitted.

Both take the inputs of the benchmark's model, look at one number of them and answer a probability. Versions differ in
what they answer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tidemill.contracts.model_file import ModelSpec
from tidemill.rows.features import input_kinds

FEATURE = "amount"
DEPTH = 9
"""Of each tree of the forest: 511 splits and 512 leaves."""
BYTES_A_TREE = 36_000
WIDTH = 4_096


def dense(spec: ModelSpec, size: int, version: int) -> bytes:
    """Two layers, the weights of one of which make up about `size` bytes."""
    rows = max(1, size // (4 * WIDTH))
    random = np.random.default_rng(version)
    weights = {
        "spread": np.full((1, rows), 1e-3, np.float32),
        "wide": random.standard_normal((rows, WIDTH), dtype=np.float32) * np.float32(1e-3),
        "gather": np.full((WIDTH, 1), 1e-2, np.float32),
    }
    nodes = [
        helper.make_node("MatMul", [FEATURE, "spread"], ["first"]),
        helper.make_node("MatMul", ["first", "wide"], ["second"]),
        helper.make_node("MatMul", ["second", "gather"], ["score"]),
    ]
    return _graph(spec, nodes, [numpy_helper.from_array(value, name) for name, value in weights.items()])


def forest(spec: ModelSpec, size: int, version: int) -> bytes:
    """Full trees over one number, as a learner exports them; about `size` bytes."""
    trees = max(1, size // BYTES_A_TREE)
    inner, total = 2**DEPTH - 1, 2 ** (DEPTH + 1) - 1
    leaf = np.arange(total) >= inner
    ids = np.tile(np.arange(total), trees)
    owner = np.repeat(np.arange(trees), total)
    random = np.random.default_rng(version)
    leaves = np.flatnonzero(np.tile(leaf, trees))
    node = helper.make_node(
        "TreeEnsembleRegressor", [FEATURE], ["score"], domain="ai.onnx.ml", n_targets=1, aggregate_function="SUM",
        post_transform="NONE",
    )  # fmt: skip
    below = np.where(leaf, 0, np.arange(total))
    columns: dict[str, np.ndarray] = {
        "nodes_nodeids": ids,
        "nodes_treeids": owner,
        "nodes_featureids": np.zeros(len(ids), np.int64),
        "nodes_values": random.gamma(2.0, 40.0, len(ids)).astype(np.float32),
        "nodes_truenodeids": np.tile(np.where(leaf, 0, 2 * below + 1), trees),
        "nodes_falsenodeids": np.tile(np.where(leaf, 0, 2 * below + 2), trees),
        "nodes_missing_value_tracks_true": np.zeros(len(ids), np.int64),
        "target_ids": np.zeros(len(leaves), np.int64),
        "target_nodeids": ids[leaves],
        "target_treeids": owner[leaves],
        "target_weights": (random.standard_normal(len(leaves)) / trees).astype(np.float32),
    }
    for name, values in columns.items():
        attribute = node.attribute.add(name=name)
        floats = values.dtype == np.float32
        attribute.type = onnx.AttributeProto.FLOATS if floats else onnx.AttributeProto.INTS
        (attribute.floats if floats else attribute.ints).extend(values.tolist())
    modes = node.attribute.add(name="nodes_modes", type=onnx.AttributeProto.STRINGS)
    modes.strings.extend([b"LEAF" if one else b"BRANCH_LEQ" for one in leaf.tolist()] * trees)
    return _graph(spec, [node], [])


def _graph(spec: ModelSpec, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]) -> bytes:
    """A graph with the inputs of the model and a last layer that makes two probabilities of `score`."""
    kinds = {"category": TensorProto.STRING, "number": TensorProto.FLOAT}
    inputs = [
        helper.make_tensor_value_info(name, kinds[kind], [None, 1]) for name, kind in input_kinds(spec.features).items()
    ]
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    one = numpy_helper.from_array(np.ones((1, 1), np.float32), "one")
    nodes = [
        *nodes,
        helper.make_node("Sigmoid", ["score"], ["yes"]),
        helper.make_node("Sub", ["one", "yes"], ["no"]),
        helper.make_node("Concat", ["no", "yes"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(nodes, "heavy", inputs, [output], [*weights, one])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


KINDS: dict[str, Callable[[ModelSpec, int, int], bytes]] = {"dense": dense, "forest": forest}
