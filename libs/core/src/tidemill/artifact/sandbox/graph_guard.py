"""What a graph may contain, read from its bytes before ONNX Runtime sees them.

ONNX Runtime loads its own contrib operators (`com.microsoft`) even where the model imports no such domain, and how it
treats external data depends on which operator reads it (both are shown by tests). So the graph is walked here. The
`onnx` package is not needed for that: the protobuf runtime, which ONNX Runtime depends on anyway, reads the few fields
declared below (numbers from onnx.proto3, unchanged since 2017) and steps over all others in C.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from tidemill.artifact.errors import ArtifactError, Reason

MAX_MODEL_BYTES = 256 << 20
ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})

_EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL
FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {
        "graph": (7, "Graph"),
        "opset_import": (8, "OperatorSet"),
        "training_info": (20, "Opaque"),
        "functions": (25, "Opaque"),
    },
    "OperatorSet": {"domain": (1, "string")},
    "Graph": {"node": (1, "Node"), "initializer": (5, "Tensor"), "sparse_initializer": (15, "SparseTensor")},
    "Node": {"op_type": (4, "string"), "attribute": (5, "Attribute"), "domain": (7, "string")},
    "Attribute": {
        "t": (5, "Tensor"),
        "g": (6, "Graph"),
        "tensors": (10, "Tensor"),
        "graphs": (11, "Graph"),
        "sparse_tensor": (22, "SparseTensor"),
        "sparse_tensors": (23, "SparseTensor"),
    },
    "SparseTensor": {"values": (1, "Tensor"), "indices": (2, "Tensor")},
    "Tensor": {"external_data": (13, "Opaque"), "data_location": (14, "int32")},
    "Opaque": {},
}
"""What is read of ONNX: message -> field -> (number, type); a type that is a message's name is a repeated message."""


def check_graph(data: bytes) -> frozenset[str]:
    """Raise ArtifactError unless `data` is an ONNX model of standard operators that carries all its own data. Gives the
    names of the operators.

    Refused: more than MAX_MODEL_BYTES, bytes that are no model, a node or an import of a domain outside
    ALLOWED_DOMAINS, model-local functions, training graphs, and any tensor kept outside the file.
    """
    if len(data) > MAX_MODEL_BYTES:
        raise ArtifactError(f"the model has {len(data)} bytes, more than {MAX_MODEL_BYTES}", Reason.SIZE)
    model = _parse(data)
    if not model.graph:
        raise ArtifactError("the model has no graph", Reason.GRAPH)
    if model.functions or model.training_info:
        raise ArtifactError("the model brings functions or training graphs of its own", Reason.GRAPH)
    for opset in model.opset_import:
        _check_domain(opset.domain, "an import")
    operators: set[str] = set()
    for graph in model.graph:
        for tensor in _tensors(graph, operators):
            if tensor.external_data or tensor.data_location == _EXTERNAL:
                raise ArtifactError("the model keeps a tensor outside its file", Reason.GRAPH)
    return frozenset(operators)


def _tensors(graph: Any, operators: set[str]) -> Iterator[Any]:
    yield from graph.initializer
    yield from _dense(graph.sparse_initializer)
    for node in graph.node:
        _check_domain(node.domain, f"operator {node.op_type!r}")
        operators.add(node.op_type)
        for attribute in node.attribute:
            yield from attribute.t
            yield from attribute.tensors
            yield from _dense(attribute.sparse_tensor)
            yield from _dense(attribute.sparse_tensors)
            for inner in (*attribute.g, *attribute.graphs):
                yield from _tensors(inner, operators)


def _dense(sparse: Any) -> Iterator[Any]:
    for tensor in sparse:
        yield from tensor.values
        yield from tensor.indices


def prepare_guard() -> None:
    """Import what a check needs."""
    _model_class()


def _check_domain(domain: str, what: str) -> None:
    if domain not in ALLOWED_DOMAINS:
        raise ArtifactError(f"{what} is of the domain {domain!r}, which is not allowed", Reason.GRAPH)


def _parse(data: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return _model_class().FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"the model is no ONNX file: {error}", Reason.GRAPH) from error


@cache
def _model_class() -> Any:
    """The message class of the fields above, built once. Singular messages are read as repeated: none is
    overlooked.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field_type = descriptor_pb2.FieldDescriptorProto
    scalars = {"string": field_type.TYPE_STRING, "int32": field_type.TYPE_INT32}
    file = descriptor_pb2.FileDescriptorProto(name="onnx_guard.proto", package="tidemill.onnx", syntax="proto3")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number, label=field_type.LABEL_REPEATED)
            if kind in scalars:
                field.type, field.label = scalars[kind], field_type.LABEL_OPTIONAL
            else:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".tidemill.onnx.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tidemill.onnx.Model"))
