"""The steps of an `Encoder` as ONNX nodes. A name with a dot is none of a feature's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tidemill_learning.training.encoding import LARGEST_SINGLE, Column, Encoder

MATRIX = "t.matrix"


@dataclass(slots=True)
class Nodes:
    """Nodes in order, and the constants that they read."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        """Append a node; gives the name of its output."""
        self.nodes.append(helper.make_node(operator, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """A constant; gives its name."""
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def joined(self, parts: Sequence[str], output: str) -> str:
        """Columns side by side; a single part stays what it is."""
        return parts[0] if len(parts) == 1 else self.add("Concat", parts, output, axis=1)


def encode(encoder: Encoder) -> tuple[list[onnx.ValueInfoProto], Nodes]:
    """Graph inputs (string and double, [n, 1], in the order of the model file), and nodes that end in `MATRIX` [n,
    width]: float for the form `single`, else double.
    """
    made = Nodes()
    hot = [column for column in encoder.ordered if column.text or column.levels]
    plain = [column for column in encoder.ordered if not column.text and not column.levels]
    parts: list[str] = []
    if hot:
        parts.append(_codes(made, encoder, hot))
    if plain:
        parts.append(_numbers(made, encoder, plain))
    made.add("Identity", [made.joined(parts, "t.joined")], MATRIX)
    return [_declaration(column) for column in encoder.columns], made


def _declaration(column: Column) -> onnx.ValueInfoProto:
    kind = TensorProto.STRING if column.text else TensorProto.DOUBLE
    return helper.make_tensor_value_info(column.spec.name, kind, [None, 1])


def _codes(made: Nodes, encoder: Encoder, columns: Sequence[Column]) -> str:
    ends = [_hot(made, column) if encoder.form == "linear" else _code(made, column) for column in columns]
    joined = made.joined(ends, "t.codes")
    return joined if encoder.form == "single" else made.add("Cast", [joined], "t.codes64", to=TensorProto.DOUBLE)


def _code(made: Nodes, column: Column) -> str:
    name = column.spec.name
    return made.add(
        "LabelEncoder", [name], f"{name}.code", domain="ai.onnx.ml", keys_strings=list(column.codes),
        values_floats=list(column.codes.values()), default_float=column.unseen,
    )  # fmt: skip


def _hot(made: Nodes, column: Column) -> str:
    name, kind = column.spec.name, np.float32 if column.text else np.float64
    values = _code(made, column) if column.text else _filled(made, [column], name)
    levels = made.constant(f"{name}.levels", np.array([column.levels], dtype=kind))
    return made.add("Cast", [made.add("Equal", [values, levels], f"{name}.equal")], f"{name}.hot", to=TensorProto.FLOAT)


def _numbers(made: Nodes, encoder: Encoder, columns: Sequence[Column]) -> str:
    names = [column.spec.name for column in columns]
    values = _filled(made, columns, made.joined(names, "t.numbers"))
    frames = [column.frame for column in columns]
    centres = np.array([frame.centre for frame in frames])
    if encoder.form == "trees" and not centres.any():
        return values
    centre = made.constant("t.centre", centres)
    if encoder.form == "linear":
        within = _within(made, columns, values)
        scale = made.constant("t.scale", np.array([frame.scale for frame in frames]))
        return made.add("Div", [made.add("Sub", [within, centre], "t.moved"), scale], "t.scaled")
    moved = made.add("Sub", [values, centre], "t.moved")
    if encoder.form == "trees":
        return moved
    ends = [made.constant(f"t.{name}", np.array(end)) for name, end in (("a", -LARGEST_SINGLE), ("z", LARGEST_SINGLE))]
    return made.add("Cast", [made.add("Clip", [moved, *ends], "t.clipped")], "t.single", to=TensorProto.FLOAT)


def _within(made: Nodes, columns: Sequence[Column], values: str) -> str:
    """Strange numbers as missing ones, the others clipped."""
    frames = [column.frame for column in columns]
    limits = {name: np.array([getattr(frame, name) for frame in frames]) for name in ("least", "most", "low", "high")}
    least, most, low, high = (made.constant(f"t.{name}", limit) for name, limit in limits.items())
    ends = [made.add("Less", [values, least], "t.below"), made.add("Greater", [values, most], "t.beyond")]
    fill = made.constant("t.strange_fill", np.array([column.fill for column in columns]))
    known = made.add("Where", [made.add("Or", ends, "t.strange"), fill, values], "t.known")
    return made.add("Min", [made.add("Max", [known, low], "t.above"), high], "t.within")


def _filled(made: Nodes, columns: Sequence[Column], values: str) -> str:
    fills = np.array([column.fill for column in columns])
    if np.isnan(fills).all():
        return values
    missing = made.add("IsNaN", [values], f"{values}.missing")
    return made.add("Where", [missing, made.constant(f"{values}.fill", fills), values], f"{values}.filled")
