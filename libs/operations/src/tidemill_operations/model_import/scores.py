"""Which of a graph's outputs are its scores."""

from __future__ import annotations

import onnx

from tidemill.artifact import ArtifactError
from tidemill_operations.model_import.described import NUMBERS, Described, Port, labels_of

LIKELY = ("probabilities", "output_probability", "probability", "value", "variable", "output", "predictions")
"""Names that exporters give the output that we need."""
_COLUMN_PREFIXES = ("s", "i")
"""Of skl2onnx with zipmap='columns': an output for each class, text or whole number."""

Found = tuple[list[str], tuple[str, ...] | None]


def score_outputs(graph: Described, named: str | None) -> Found:
    """The tensor that has the scores, or one for each class, and the graph's own names of the classes. Of maps
    (skl2onnx, CatBoost) it is what they are made of. Raises ArtifactError where there is none, or more than one that
    may be.
    """
    if named is not None:
        return _of(graph, graph.output(named))
    columns = _columns(graph)
    if columns is not None:
        return columns
    possible = [port for port in graph.outputs if port.kind in NUMBERS or port.kind is None]
    likely = [port for name in LIKELY for port in possible if port.name == name]
    if len(possible) == 1 or likely:
        return _of(graph, (likely or possible)[0])
    every = ", ".join(map(str, graph.outputs))
    if not possible:
        raise ArtifactError(
            f"no output has numbers: {every}. Export the probabilities too (scikit-learn: options={{'zipmap': False}})"
        )
    raise ArtifactError(f"which output is the score? Say --output, one of {every}")


def width_of(graph: Described, name: str) -> int | None:
    """How many columns a value has; None where that is seen only when it runs."""
    for port in graph.outputs:
        if port.name == name and port.width is not None:
            return port.width
    made_by = graph.maker(name)
    if made_by is not None and (labels := labels_of(made_by)):
        return len(labels)
    try:
        inferred = onnx.shape_inference.infer_shapes(graph.model)
    except (onnx.shape_inference.InferenceError, ValueError):  # larger than protobuf writes, too
        return None
    for value in (*inferred.graph.output, *inferred.graph.value_info):
        if value.name == name:
            sizes = value.type.tensor_type.shape.dim
            if value.type.tensor_type.HasField("shape") and len(sizes) in (1, 2):
                return 1 if len(sizes) == 1 else sizes[1].dim_value or None
    return None


def _of(graph: Described, port: Port) -> Found:
    if port.kind in NUMBERS:
        return [port.name], graph.classes
    node = graph.maker(port.name)
    if node is not None and node.op_type == "ZipMap":
        return [node.input[0]], labels_of(node)
    raise ArtifactError(
        f"the output {port} has no numbers that can be served: export a tensor of probabilities or of values "
        "(scikit-learn: options={'zipmap': False})"
    )


def _columns(graph: Described) -> Found | None:
    own = graph.classes
    numeric = [port for port in graph.outputs if port.kind in NUMBERS]
    if own is None or len(own) != len(numeric):
        return None
    names = {port.name for port in numeric}
    for prefix in _COLUMN_PREFIXES:
        ordered = [f"{prefix}{name}" for name in own]
        if set(ordered) == names:
            return ordered, own
    return None
