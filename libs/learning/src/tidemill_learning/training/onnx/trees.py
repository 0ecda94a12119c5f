"""Trees of scikit-learn as ONNX tree ensembles, exactly: a row goes the same way in both.

Histogram boosting compares float64 with float64, and so does its graph. A forest compares float32 values with float64
thresholds: there the thresholds are rounded *down*, for of every float32 `x`, `x <= t` holds exactly where
`x <= floor32(t)` does (to the nearest, as converters do it, moves a row that lies between the two to the other side).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


def floor32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each value."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    above = rounded.astype(np.float64) > values
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype(np.float32)


def boosting_node(estimator: Any, matrix: str, raw: str) -> onnx.NodeProto:
    """A `TreeEnsembleRegressor` from double [n, width] to the raw scores, float [n, trees per iteration]."""
    ensemble = _Ensemble()
    for iteration in estimator._predictors:
        for target, predictor in enumerate(iteration):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise ValueError("categorical splits have no exact ONNX form: categories are encoded before the trees")
            leaf = nodes["is_leaf"].astype(bool)
            ensemble.tree(
                leaf, nodes["feature_idx"], np.where(leaf, 0.0, nodes["num_threshold"]), nodes["left"], nodes["right"],
                nodes["missing_go_to_left"], nodes["count"],
            )  # fmt: skip
            ensemble.weigh(leaf, target, nodes["value"].astype(np.float64))
    base = np.ravel(estimator._baseline_prediction).astype(np.float64)
    return ensemble.node(matrix, raw, int(estimator.n_trees_per_iteration_), np.float64, base)


def forest_node(estimator: Any, matrix: str, raw: str) -> onnx.NodeProto:
    """A `TreeEnsembleRegressor` from float [n, width] without nulls to the trees' mean, float [n, targets]: the
    value, the probability of the second of two classes, or of every class.
    """
    ensemble = _Ensemble()
    trees = [one.tree_ for one in estimator.estimators_]
    columns = _columns(trees[0].value)
    for tree in trees:
        leaf = tree.children_left == -1
        thresholds = np.where(leaf, 0.0, tree.threshold)
        ensemble.tree(
            leaf, tree.feature, floor32(thresholds), tree.children_left, tree.children_right, np.zeros(len(leaf)),
            tree.weighted_n_node_samples,
        )  # fmt: skip
        for target, column in enumerate(columns):
            ensemble.weigh(leaf, target, tree.value[:, 0, column] / len(trees))
    return ensemble.node(matrix, raw, len(columns), np.float32, None)


def _columns(value: NDArray[np.float64]) -> list[int]:
    """The columns of a tree's values that are to be told: of two classes one says all."""
    return [1] if value.shape[2] == 2 else list(range(value.shape[2]))


class _Ensemble:
    """Attributes of the node, tree by tree."""

    def __init__(self) -> None:
        self._trees = 0
        self._lists: dict[str, list[Any]] = {}
        self._thresholds: list[NDArray[Any]] = []
        self._weights: list[NDArray[np.float64]] = []

    def tree(
        self, leaf: Any, features: Any, thresholds: Any, left: Any, right: Any, missing_left: Any, rows: Any
    ) -> None:
        """Append a tree: per node whether it is a leaf, and for the others column, threshold, and where rows go; and of
        all how many rows of the training came there. No score hangs on that: explanations do.
        """
        self._extend("nodes_treeids", [self._trees] * len(leaf))
        self._extend("nodes_nodeids", range(len(leaf)))
        self._extend("nodes_featureids", np.where(leaf, 0, features).astype(int).tolist())
        self._extend("nodes_modes", np.where(leaf, "LEAF", "BRANCH_LEQ").tolist())
        self._extend("nodes_truenodeids", np.where(leaf, 0, left).astype(int).tolist())
        self._extend("nodes_falsenodeids", np.where(leaf, 0, right).astype(int).tolist())
        self._extend("nodes_missing_value_tracks_true", np.where(leaf, 0, missing_left).astype(int).tolist())
        self._extend("nodes_hitrates", np.asarray(rows, dtype=np.float64).tolist())
        self._thresholds.append(np.asarray(thresholds))
        self._trees += 1

    def weigh(self, leaf: Any, target: int, values: NDArray[np.float64]) -> None:
        """What the leaves of the last tree add to a target."""
        leaves = np.flatnonzero(leaf)
        self._extend("target_treeids", [self._trees - 1] * len(leaves))
        self._extend("target_nodeids", leaves.tolist())
        self._extend("target_ids", [target] * len(leaves))
        self._weights.append(values[leaves])

    def node(self, matrix: str, raw: str, targets: int, kind: Any, base: NDArray[np.float64] | None) -> onnx.NodeProto:
        """The node, its thresholds and weights in `kind`: as plain floats, or as tensors of doubles."""
        numbers = {
            "nodes_values": np.concatenate(self._thresholds),
            "target_weights": np.concatenate(self._weights),
        } | ({"base_values": base} if base is not None else {})
        single = kind is np.float32
        attributes: dict[str, Any] = {
            name if single else f"{name}_as_tensor": values.astype(float).tolist()
            if single
            else numpy_helper.from_array(values.astype(np.float64), name)
            for name, values in numbers.items()
        }
        attributes |= self._lists
        return helper.make_node(
            "TreeEnsembleRegressor", [matrix], [raw], domain="ai.onnx.ml", n_targets=targets, aggregate_function="SUM",
            post_transform="NONE", **attributes,
        )  # fmt: skip

    def _extend(self, name: str, values: Any) -> None:
        self._lists.setdefault(name, []).extend(values)
