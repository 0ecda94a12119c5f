"""Histogram gradient boosting as an ONNX tree ensemble.

skl2onnx 1.20 writes numpy booleans into integer attributes of these trees, which onnx 1.23 refuses; and it
rounds thresholds to the nearest float32, which moves a row that lies between the two to the other side. Here
the
thresholds are rounded *down*: for every float32 ``x``, ``x <= t`` holds exactly where ``x <= floor32(t)``
does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper


def floor32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each value."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    above = rounded.astype(np.float64) > values
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype(np.float32)


def boosting_node(estimator: Any, matrix: str, raw: str) -> onnx.NodeProto:
    """A ``TreeEnsembleRegressor`` from float [n, width] to the raw scores [n, trees per iteration]."""
    per_iteration = int(estimator.n_trees_per_iteration_)
    attributes: dict[str, list[Any]] = {name: [] for name in _ATTRIBUTES}
    tree_id = 0
    for iteration in estimator._predictors:
        for target, predictor in enumerate(iteration):
            _append(attributes, predictor.nodes, tree_id, target)
            tree_id += 1
    attributes["base_values"] = [float(value) for value in np.ravel(estimator._baseline_prediction)]
    settings: dict[str, Any] = {
        "n_targets": per_iteration,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
    }
    settings |= attributes
    return helper.make_node("TreeEnsembleRegressor", [matrix], [raw], domain="ai.onnx.ml", **settings)


_ATTRIBUTES = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_modes",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
    "target_treeids",
    "target_nodeids",
    "target_ids",
    "target_weights",
)


def _append(attributes: dict[str, list[Any]], nodes: NDArray[Any], tree_id: int, target: int) -> None:
    if nodes["is_categorical"].any():
        raise ValueError("categorical splits have no exact ONNX form: categories are encoded before the trees")
    leaf = nodes["is_leaf"].astype(bool)
    ids = np.arange(len(nodes))
    thresholds = np.where(leaf, np.float32(0), floor32(np.where(leaf, 0.0, nodes["num_threshold"])))
    attributes["nodes_treeids"] += [tree_id] * len(nodes)
    attributes["nodes_nodeids"] += ids.tolist()
    attributes["nodes_featureids"] += np.where(leaf, 0, nodes["feature_idx"]).astype(int).tolist()
    attributes["nodes_modes"] += np.where(leaf, "LEAF", "BRANCH_LEQ").tolist()
    attributes["nodes_values"] += thresholds.tolist()
    attributes["nodes_truenodeids"] += np.where(leaf, 0, nodes["left"]).astype(int).tolist()
    attributes["nodes_falsenodeids"] += np.where(leaf, 0, nodes["right"]).astype(int).tolist()
    attributes["nodes_missing_value_tracks_true"] += np.where(leaf, 0, nodes["missing_go_to_left"]).astype(int).tolist()
    leaves = ids[leaf]
    attributes["target_treeids"] += [tree_id] * len(leaves)
    attributes["target_nodeids"] += leaves.tolist()
    attributes["target_ids"] += [target] * len(leaves)
    attributes["target_weights"] += nodes["value"][leaf].astype(float).tolist()
