"""What a graph from elsewhere says of itself: its inputs, its outputs, and the classes that it knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from tidemill.artifact import ArtifactError
from tidemill.artifact.sandbox.graph_guard import check_graph

NUMBERS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16}
WHOLE_NUMBERS = {TensorProto.INT64, TensorProto.INT32}
LABELS = {TensorProto.STRING, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output. `kind`: a TensorProto's data type; None where it is no tensor. `shape`: None where its
    rank is not known; a dimension of None is open.
    """

    name: str
    kind: int | None
    shape: tuple[int | None, ...] | None

    @property
    def width(self) -> int | None:
        """Columns, where it says how many: 1 for [n]."""
        if self.shape is None or len(self.shape) not in (1, 2):
            return None
        return 1 if len(self.shape) == 1 else self.shape[1]

    def __str__(self) -> str:
        kind = "a sequence or map" if self.kind is None else TensorProto.DataType.Name(self.kind).lower()
        if self.shape is None:
            return f"{self.name} ({kind})"
        return f"{self.name} ({kind} [{', '.join('n' if size is None else str(size) for size in self.shape)}])"


@dataclass(frozen=True, slots=True)
class Described:
    """A graph and its ports."""

    model: onnx.ModelProto
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @classmethod
    def of(cls, data: bytes) -> Described:
        """Raises ArtifactError for a graph that check_graph refuses."""
        check_graph(data)
        try:
            model = onnx.load_model_from_string(data)
        except DecodeError as error:
            raise ArtifactError(f"the model is no ONNX file: {error}") from error
        graph = model.graph
        weights = {tensor.name for tensor in graph.initializer}
        inputs = tuple(_port(value) for value in graph.input if value.name not in weights)
        return cls(model, inputs, tuple(_port(value) for value in graph.output))

    def output(self, name: str) -> Port:
        """An output by its name. Raises ArtifactError."""
        for port in self.outputs:
            if port.name == name:
                return port
        raise ArtifactError(f"the graph has no output {name!r}, only {', '.join(map(str, self.outputs))}")

    def maker(self, name: str) -> onnx.NodeProto | None:
        """The node that makes a value; copies are looked through."""
        makers = {made: node for node in self.model.graph.node for made in node.output}
        node = makers.get(name)
        seen = set()
        while node is not None and node.op_type == "Identity" and node.input[0] not in seen:
            seen.add(node.input[0])
            node = makers.get(node.input[0])
        return node

    @property
    def label(self) -> Port | None:
        """The output that names the class of a row, if there is exactly one that may."""
        found = [port for port in self.outputs if port.kind in LABELS]
        return found[0] if len(found) == 1 else None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes in the order of the probabilities, as a classifier or a ZipMap in the graph names them; None
        where there is none, or several that do not agree.
        """
        found = {labels for node in nodes_of(self.model.graph) if (labels := labels_of(node))}
        return found.pop() if len(found) == 1 else None


def _port(value: onnx.ValueInfoProto) -> Port:
    if value.type.WhichOneof("value") != "tensor_type":
        return Port(value.name, None, None)
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return Port(value.name, tensor.elem_type, None)
    sizes = (size.dim_value if size.dim_value > 0 else None for size in tensor.shape.dim)
    return Port(value.name, tensor.elem_type, tuple(sizes))


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of graphs within too."""
    for node in graph.node:
        yield node
        yield from inner_nodes(node)


def inner_nodes(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """The nodes of the graphs within a node."""
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs):
            yield from nodes_of(inner)


def labels_of(node: onnx.NodeProto) -> tuple[str, ...]:
    """The classes that a node of a classifier, or a ZipMap, names; empty for any other."""
    for attribute in node.attribute:
        if node.domain == "ai.onnx.ml" and attribute.name.startswith("classlabels_"):
            values: Any = attribute.strings or attribute.ints
            return tuple(value.decode() if isinstance(value, bytes) else str(value) for value in values)
    return ()
