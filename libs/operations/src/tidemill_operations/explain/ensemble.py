"""A `TreeEnsembleRegressor` of an ONNX graph, read node by node, and the ways to its leaves for one row."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tidemill_operations.explain.tree_shap import LeafPath

Key = tuple[int, int]
"""Tree and node."""

MODES: Mapping[str, Callable[[Any, Any], Any]] = {
    "BRANCH_LEQ": operator.le, "BRANCH_LT": operator.lt, "BRANCH_GTE": operator.ge, "BRANCH_GT": operator.gt,
    "BRANCH_EQ": operator.eq, "BRANCH_NEQ": operator.ne,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Split:
    """An inner node: rows for which `mode(row[column], threshold)` holds go to `yes`, the others to `no`; a missing
    value to `yes` where `missing_yes` says so.
    """

    column: int
    mode: str
    threshold: float
    yes: Key
    no: Key
    missing_yes: bool

    def holds(self, row: NDArray[Any]) -> bool:
        """Which way a row goes: it is compared in its own type, as the graph does."""
        value = row[self.column]
        if np.isnan(value):
            return self.missing_yes
        return bool(MODES[self.mode](value, row.dtype.type(self.threshold)))


@dataclass(slots=True)
class Ensemble:
    """`splits` and `leaves` (target to weight) by key, `roots` of the trees, `constants` by target. `covers`: how many
    of the training's rows came to each node, empty where the graph does not say.
    """

    splits: dict[Key, Split] = field(default_factory=dict)
    leaves: dict[Key, dict[int, float]] = field(default_factory=dict)
    roots: list[Key] = field(default_factory=list)
    covers: dict[Key, float] = field(default_factory=dict)
    targets: int = 1
    constants: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Columns that are asked for, at least."""
        return 1 + max((split.column for split in self.splits.values()), default=0)

    def constant(self, target: int) -> float:
        """What is added to a target whatever the row."""
        return self.constants[target] if self.constants else 0.0

    def count(self, rows: NDArray[Any]) -> None:
        """Take the covers from some rows [n, width]; each leaf counts one more, so that none is impossible."""
        self.covers = dict.fromkeys(self.leaves, 1.0)
        for row in rows:
            for root in self.roots:
                self.covers[self._leaf(root, row)] += 1.0
        for root in self.roots:
            self._add_up(root)

    def paths(self, row: NDArray[Any], target: int) -> list[LeafPath]:
        """The way to every leaf that has a weight for a target, as seen by a row [width]."""
        return [path for root in self.roots for path in self._paths(root, row, target)]

    def _paths(self, root: Key, row: NDArray[Any], target: int) -> list[LeafPath]:
        found: list[LeafPath] = []
        waiting: list[tuple[Key, dict[int, tuple[float, bool]]]] = [(root, {})]
        while waiting:
            key, way = waiting.pop()
            split = self.splits.get(key)
            if split is None:
                value = self.leaves[key].get(target, 0.0)
                if value:
                    zero, one = zip(*way.values(), strict=True) if way else ((), ())
                    found.append(LeafPath(value, tuple(way), tuple(zero), tuple(one)))
                continue
            goes, share = split.holds(row), self._share(split)
            zero_before, one_before = way.get(split.column, (1.0, True))
            for child, part, on in ((split.yes, share, goes), (split.no, 1.0 - share, not goes)):
                waiting.append((child, {**way, split.column: (zero_before * part, one_before and on)}))
        return found

    def _share(self, split: Split) -> float:
        """Of the rows that came to a split, those that went to `yes`."""
        yes, no = self.covers[split.yes], self.covers[split.no]
        return yes / (yes + no) if yes + no else 0.5

    def _leaf(self, key: Key, row: NDArray[Any]) -> Key:
        while (split := self.splits.get(key)) is not None:
            key = split.yes if split.holds(row) else split.no
        return key

    def _add_up(self, root: Key) -> None:
        order, waiting = [], [root]
        while waiting:
            key = waiting.pop()
            if (split := self.splits.get(key)) is not None:
                order.append(key)
                waiting += [split.yes, split.no]
        for key in reversed(order):
            split = self.splits[key]
            self.covers[key] = self.covers[split.yes] + self.covers[split.no]


def read_ensemble(node: onnx.NodeProto) -> Ensemble:
    """The trees of a node. Raises ValueError where it sums up otherwise than by adding, or changes the sum."""
    said = {one.name: _value(one) for one in node.attribute}
    aggregate, post = said.get("aggregate_function", "SUM"), said.get("post_transform", "NONE")
    if aggregate not in ("SUM", "AVERAGE") or post != "NONE":
        raise ValueError(f"its trees are put together by {aggregate}, {post}")
    made = Ensemble(targets=int(said.get("n_targets", 1)), constants=tuple(_numbers(said, "base_values")))
    keys = list(zip(map(int, said["nodes_treeids"]), map(int, said["nodes_nodeids"]), strict=True))
    missing = said.get("nodes_missing_value_tracks_true") or [0] * len(keys)
    thresholds = _numbers(said, "nodes_values")
    for at, key in enumerate(keys):
        mode = said["nodes_modes"][at]
        if mode == "LEAF":
            made.leaves[key] = {}
            continue
        yes, no = ((key[0], int(said[name][at])) for name in ("nodes_truenodeids", "nodes_falsenodeids"))
        column = int(said["nodes_featureids"][at])
        made.splits[key] = Split(column, mode, thresholds[at], yes, no, bool(missing[at]))
    scale = len({tree for tree, _ in keys}) if aggregate == "AVERAGE" else 1
    _weigh(made, said, scale)
    below = {child for split in made.splits.values() for child in (split.yes, split.no)}
    made.roots = [key for key in keys if key not in below]
    made.covers = dict(zip(keys, _numbers(said, "nodes_hitrates"), strict=False))
    return made


def _weigh(made: Ensemble, said: Mapping[str, Any], scale: int) -> None:
    weights = _numbers(said, "target_weights")
    places = zip(said["target_treeids"], said["target_nodeids"], said["target_ids"], weights, strict=True)
    for tree, node, target, weight in places:
        leaf = made.leaves[(int(tree), int(node))]
        leaf[int(target)] = leaf.get(int(target), 0.0) + weight / scale


def _numbers(said: Mapping[str, Any], name: str) -> list[float]:
    found = said.get(f"{name}_as_tensor")
    return [float(one) for one in (said.get(name) or [] if found is None else numpy_helper.to_array(found).ravel())]


def _value(one: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(one)
    if isinstance(value, bytes):
        return value.decode()
    return [item.decode() if isinstance(item, bytes) else item for item in value] if one.type == one.STRINGS else value
