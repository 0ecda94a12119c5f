"""From named inputs to the matrix that a learner reads; the very same steps as ONNX nodes.

A category becomes a number: its rank by the target's mean among the fitted rows (target ordering after
Micci-Barreca, 2001, as ranks, so that a rare category's mean cannot leak a label). A category never seen
takes the place of
the average. Linear models read categories and time parts one-hot instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tidemill_learning.training.examples import Examples, InputSpec

MAX_CATEGORIES = 1_000
"""The most frequent ones; the rest are treated as never seen. Bounds the graph whatever a stream brings."""

MAX_ONE_HOT = 64
"""Columns that one input may become for a linear model."""

SMOOTHING = 20.0
"""Rows of the overall mean that are mixed into a category's own."""


@dataclass(frozen=True, slots=True)
class Column:
    """A fitted input: ``codes`` for a category, ``fill`` (NaN: left missing) for a number or time part."""

    spec: InputSpec
    codes: Mapping[str, float]
    unseen: float
    fill: float
    levels: tuple[float, ...]
    """Values that a linear model reads one-hot; empty: read as a scaled number."""
    centre: float
    scale: float


@dataclass(frozen=True, slots=True)
class Encoder:
    """Fitted columns in graph order. Immutable; ``matrix`` and ``nodes`` do the same thing in numpy and in
    ONNX.
    """

    columns: tuple[Column, ...]
    one_hot: bool

    def matrix(self, inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
        """Float32 [n, width], C-ordered. ``width`` is the number of inputs, or more where ``one_hot``."""
        parts: list[NDArray[np.float32]] = []
        for column in self.columns:
            values = _codes(column, inputs[column.spec.name].reshape(-1))
            parts.append(_spread(column, values) if self.one_hot else values[:, None])
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def sparse(self, inputs: Mapping[str, NDArray[np.generic]]) -> Any:
        """The same as ``matrix``, as a ``scipy.sparse`` CSR matrix built without the dense one (to
        fit on)."""
        from scipy.sparse import csr_matrix, hstack

        parts = []
        for column in self.columns:
            values = _codes(column, inputs[column.spec.name].reshape(-1))
            if self.one_hot and column.levels:
                parts.append(_one_hot(column, values))
            else:
                parts.append(csr_matrix(_spread(column, values) if self.one_hot else values[:, None]))
        return hstack(parts, format="csr")

    @property
    def width(self) -> int:
        """Columns of ``matrix``."""
        return sum(max(1, len(column.levels)) if self.one_hot else 1 for column in self.columns)

    def nodes(self, output: str) -> tuple[list[onnx.ValueInfoProto], list[onnx.NodeProto]]:
        """Graph inputs, and nodes that end in the float tensor ``output`` [n, width]."""
        declared = [_declaration(column.spec) for column in self.columns]
        nodes: list[onnx.NodeProto] = []
        ends: list[str] = []
        for column in self.columns:
            nodes += _code_nodes(column)
            end = f"{column.spec.name}__code"
            if self.one_hot:
                nodes += _spread_nodes(column, end)
                end = f"{column.spec.name}__spread"
            ends.append(end)
        nodes.append(helper.make_node("Concat", ends, [output], axis=1, name="encoded"))
        return declared, nodes


def fit_encoder(examples: Examples, specs: Sequence[InputSpec], *, one_hot: bool, impute: bool) -> Encoder:
    """Learn codes and fills from the examples. ``impute`` fills every number; else only where the model file
    says so.
    """
    score = _ordering_score(examples.target)
    columns = [
        _fit_category(spec, examples.inputs[spec.name].reshape(-1), score)
        if spec.kind == "category"
        else _fit_number(spec, examples.inputs[spec.name].reshape(-1).astype(np.float32), one_hot, impute)
        for spec in specs
    ]
    return Encoder(tuple(columns), one_hot)


def _ordering_score(target: NDArray[np.generic]) -> NDArray[np.float64]:
    """What categories are ranked by: the target itself, or for classes the share of the most frequent one."""
    if target.dtype.kind in "ifb":
        return target.astype(np.float64)
    classes, counts = np.unique(target.astype(str), return_counts=True)
    most: NDArray[np.float64] = (target.astype(str) == classes[np.argmax(counts)]).astype(np.float64)
    return most


def _fit_category(spec: InputSpec, values: NDArray[np.generic], score: NDArray[np.float64]) -> Column:
    names, positions = np.unique(values.astype(str), return_inverse=True)
    counts = np.bincount(positions, minlength=len(names)).astype(np.float64)
    sums = np.bincount(positions, weights=score, minlength=len(names))
    overall = float(score.mean())
    means = (sums + SMOOTHING * overall) / (counts + SMOOTHING)
    kept = np.sort(np.argsort(-counts, kind="stable")[:MAX_CATEGORIES])
    ranked = kept[np.argsort(means[kept], kind="stable")]
    codes = {str(names[position]): float(rank) for rank, position in enumerate(ranked)}
    unseen = float(np.searchsorted(means[ranked], overall)) - 0.5
    frequent = np.argsort(-counts, kind="stable")[:MAX_ONE_HOT]
    levels = tuple(sorted(codes[str(names[position])] for position in frequent if str(names[position]) in codes))
    return Column(spec, codes, unseen, float("nan"), levels, 0.0, 1.0)


def _fit_number(spec: InputSpec, values: NDArray[np.float32], one_hot: bool, impute: bool) -> Column:
    known = values[np.isfinite(values)]
    median = float(np.median(known)) if len(known) else 0.0
    fill = 0.0 if spec.missing == "zero" else median if spec.missing == "median" or impute else float("nan")
    levels = tuple(np.unique(known).tolist()) if one_hot and spec.kind == "time" else ()
    spread = float(known.std()) if len(known) else 0.0
    return Column(
        spec,
        {},
        0.0,
        float(np.float32(fill)),
        levels if len(levels) <= MAX_ONE_HOT else (),
        float(known.mean()) if len(known) else 0.0,
        spread if spread > 1e-9 else 1.0,
    )


def _codes(column: Column, values: NDArray[np.generic]) -> NDArray[np.float32]:
    if column.spec.kind == "category":
        names, positions = np.unique(values.astype(str), return_inverse=True)
        coded = np.array([column.codes.get(str(name), column.unseen) for name in names], dtype=np.float32)
        return coded[positions]
    numbers = values.astype(np.float32)
    return np.where(np.isnan(numbers), np.float32(column.fill), numbers).astype(np.float32)


def _spread(column: Column, values: NDArray[np.float32]) -> NDArray[np.float32]:
    if column.levels:
        levels = np.array(column.levels, dtype=np.float32)
        hot: NDArray[np.float32] = (values[:, None] == levels[None, :]).astype(np.float32)
        return hot
    return ((values - np.float32(column.centre)) * np.float32(1.0 / column.scale))[:, None]


def _one_hot(column: Column, values: NDArray[np.float32]) -> Any:
    from scipy.sparse import csr_matrix

    levels = np.array(column.levels, dtype=np.float32)
    at = np.minimum(np.searchsorted(levels, values), len(levels) - 1)
    rows = np.flatnonzero(levels[at] == values)
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_matrix((ones, (rows, at[rows])), shape=(len(values), len(levels)))


def _declaration(spec: InputSpec) -> onnx.ValueInfoProto:
    kind = TensorProto.STRING if spec.kind == "category" else TensorProto.FLOAT
    return helper.make_tensor_value_info(spec.name, kind, [None, 1])


def _code_nodes(column: Column) -> list[onnx.NodeProto]:
    name = column.spec.name
    if column.spec.kind == "category":
        return [
            helper.make_node(
                "LabelEncoder",
                [name],
                [f"{name}__code"],
                domain="ai.onnx.ml",
                keys_strings=list(column.codes),
                values_floats=list(column.codes.values()),
                default_float=column.unseen,
            )
        ]
    if np.isnan(column.fill):
        return [helper.make_node("Identity", [name], [f"{name}__code"])]
    return [
        helper.make_node(
            "Imputer",
            [name],
            [f"{name}__code"],
            domain="ai.onnx.ml",
            imputed_value_floats=[column.fill],
            replaced_value_float=float("nan"),
        )
    ]


def _spread_nodes(column: Column, end: str) -> list[onnx.NodeProto]:
    name = column.spec.name
    if not column.levels:
        scaled: dict[str, Any] = {"offset": [column.centre], "scale": [1.0 / column.scale]}
        return [helper.make_node("Scaler", [end], [f"{name}__spread"], domain="ai.onnx.ml", **scaled)]
    levels = helper.make_tensor(f"{name}__levels", TensorProto.FLOAT, [1, len(column.levels)], list(column.levels))
    return [
        helper.make_node("Constant", [], [f"{name}__level"], value=levels),
        helper.make_node("Equal", [end, f"{name}__level"], [f"{name}__equal"]),
        helper.make_node("Cast", [f"{name}__equal"], [f"{name}__spread"], to=TensorProto.FLOAT),
    ]
