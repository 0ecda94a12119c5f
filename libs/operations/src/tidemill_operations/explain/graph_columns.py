"""Which input of a graph each column of a matrix inside it comes from."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

EACH_FOR_ITSELF = frozenset({
    "Identity", "Cast", "IsNaN", "Not", "Neg", "Abs", "Clip", "LabelEncoder", "Where", "Sub", "Div", "Mul", "Add",
    "Min", "Max", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "Or", "And", "Imputer", "Scaler",
    "Binarizer",
})  # fmt: skip
"""Operators that make each column of their output from that column of their inputs, or from the only one."""

Sources = list[str | None]
"""For each column the input that it is made from; None: it is a constant."""


class Mixed(ValueError):
    """A column is made from several inputs, or by an operator that is not followed here."""


class GraphColumns:
    """Follows the columns of tensors [n, width] back to inputs [n, 1]."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._inputs = {one.name for one in graph.input}
        self._constants: Mapping[str, int] = {one.name: one.dims[-1] if one.dims else 1 for one in graph.initializer}
        self._made = {name: node for node in graph.node for name in node.output}
        self._known: dict[str, Sources] = {}

    def of(self, tensor: str) -> Sources:
        """Raises Mixed."""
        if tensor not in self._known:
            self._known[tensor] = self._of(tensor)
        return self._known[tensor]

    def _of(self, tensor: str) -> Sources:
        if tensor in self._constants:
            return [None] * self._constants[tensor]
        if tensor in self._inputs:
            return [tensor]
        node = self._made.get(tensor)
        if node is None:
            raise Mixed(f"nothing in the graph makes {tensor!r}")
        parts = [self.of(name) for name in node.input if name]
        if node.op_type == "Concat":
            return [column for part in parts for column in part]
        if node.op_type not in EACH_FOR_ITSELF:
            raise Mixed(f"the operator {node.op_type} is not followed back to the inputs")
        width = max(map(len, parts))
        return [_one({part[at if len(part) > 1 else 0] for part in parts}) for at in range(width)]


def _one(found: set[str | None]) -> str | None:
    inputs = sorted(name for name in found if name is not None)
    if len(inputs) > 1:
        raise Mixed(f"a column is made from several inputs: {', '.join(inputs)}")
    return inputs[0] if inputs else None
