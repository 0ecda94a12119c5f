"""Puts a graph from elsewhere into the one form that is served, by nodes before and behind it.

That form has an input [n, 1] for each input of the model file (text for a category, float or double for a number) and
one output: probabilities [n, C], or a value [n, 1]. What the graph computes between them is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from tidemill.artifact import ArtifactError
from tidemill_operations.model_import.described import NUMBERS, WHOLE_NUMBERS, Described, Port, inner_nodes

SCORES = "tidemill_scores"
_INNER = "imported/"
_OPSET, _IR = 13, 8
_TEXT, _NUMBER = (TensorProto.STRING,), (TensorProto.FLOAT, TensorProto.DOUBLE)
_LEAST_OPSET = 7
"""Below it the arithmetic that is put around a graph means something else."""


@dataclass(slots=True)
class _Around:
    """What is put around a graph. `taken`: the type of the numbers that come in."""

    taken: int
    before: list[onnx.NodeProto] = field(default_factory=list)
    behind: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    not_whole: list[tuple[str, int]] = field(default_factory=list)
    """Values [n, width] that are 0, or NaN where a whole number is wanted and the row has none."""

    def shape(self, *sizes: int) -> str:
        name = "tidemill_shape_" + "_".join(str(size).replace("-", "open") for size in sizes)
        if all(tensor.name != name for tensor in self.weights):
            self.weights.append(numpy_helper.from_array(np.array(sizes, dtype=np.int64), name))
        return name


def is_served_as_it_is(graph: Described, kinds: Mapping[str, str], output: str, width: int) -> bool:
    """Whether the graph has that form already."""
    found = {port.name: port.kind for port in graph.inputs}
    wanted = {name: _TEXT if kind == "category" else _NUMBER for name, kind in kinds.items()}
    fits = found.keys() == wanted.keys() and all(found[name] in wanted[name] for name in wanted)
    open_ = all(port.shape is not None and len(port.shape) == 2 and port.shape[0] is None for port in graph.inputs)
    last = graph.output(output)
    return fits and open_ and last.kind in (TensorProto.FLOAT, TensorProto.DOUBLE) and last.width in (width, None)


def shaped(
    graph: Described, kinds: Mapping[str, str], columns: Sequence[str], outputs: Sequence[str], *, single: bool,
    logits: bool, task: str,
) -> bytes:  # fmt: skip
    """The graph in the form that is served; its scores are SCORES.

    kinds: the inputs of the model file, `category` or `number`. columns: what stands in the columns of one matrix, in
    their order. outputs: the output that has the scores, or one for each class. single: it is one column, P of the
    second class. logits: it needs a sigmoid or a softmax yet. Raises ArtifactError where its inputs cannot be had.
    """
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    _raise_versions(model)
    around = _Around(taken := _taken(graph))
    given = TensorProto.DOUBLE if any(_is_double(graph, name) for name in outputs) else TensorProto.FLOAT
    _feed(graph, kinds, columns, around)
    _leave_out_unused(model.graph, {*outputs, *(port.name for port in (graph.label,) if port)})
    inner = compose.add_prefix_graph(model.graph, _INNER)
    _answer([_INNER + name for name in outputs], around, single=single, logits=logits, task=task, kind=given)
    body = helper.make_graph(
        [*around.before, *inner.node, *around.behind],
        "imported",
        [
            helper.make_tensor_value_info(name, TensorProto.STRING if kind == "category" else taken, [None, 1])
            for name, kind in kinds.items()
        ],
        [helper.make_tensor_value_info(SCORES, given, [None, None]), *_label(graph)],
        [*around.weights, *inner.initializer],
    )
    body.sparse_initializer.extend(inner.sparse_initializer)
    model.graph.CopyFrom(body)
    return bytes(model.SerializeToString())


def _taken(graph: Described) -> int:
    """Floats where the graph takes nothing finer, else doubles, so that no number is rounded before it is looked at."""
    kinds = {port.kind for port in graph.inputs} - {TensorProto.STRING}
    return TensorProto.FLOAT if kinds <= {TensorProto.FLOAT, TensorProto.FLOAT16} else TensorProto.DOUBLE


def _is_double(graph: Described, name: str) -> bool:
    return any(port.name == name and port.kind == TensorProto.DOUBLE for port in graph.outputs)


def _label(graph: Described) -> list[onnx.ValueInfoProto]:
    """Its own label stays beside the scores, so that both can be held against each other."""
    label = graph.label
    if label is None:
        return []
    found = next(value for value in graph.model.graph.output if value.name == label.name)
    kept = onnx.ValueInfoProto()
    kept.CopyFrom(found)
    kept.name = _INNER + label.name
    return [kept]


def label_output(graph: Described, as_it_is: bool) -> str | None:
    """What its own label is called afterwards."""
    label = graph.label
    return None if label is None else label.name if as_it_is else _INNER + label.name


def _raise_versions(model: onnx.ModelProto) -> None:
    plain = [opset for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
    if not plain:
        model.opset_import.append(helper.make_opsetid("", _OPSET))
    elif min(opset.version for opset in plain) < _LEAST_OPSET:
        raise ArtifactError(f"the graph is of opset {plain[0].version}: export it with opset 13 or newer")
    model.ir_version = max(model.ir_version, _IR)
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in weights]  # before IR 4 they were inputs, too
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _leave_out_unused(graph: onnx.GraphProto, wanted: set[str]) -> None:
    """Take away the nodes that nothing wanted comes from, such as those that make maps of the scores."""
    kept = []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= {name for inner in inner_nodes(node) for name in inner.input} | set(node.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    del graph.value_info[:]


def _feed(graph: Described, kinds: Mapping[str, str], columns: Sequence[str], around: _Around) -> None:
    """Nodes from the inputs of the model file to the graph's."""
    for port in graph.inputs:
        if port.shape is not None and port.shape and port.shape[0] is not None:
            raise ArtifactError(
                f"of the inputs {port} takes {port.shape[0]} row{'' if port.shape[0] == 1 else 's'} at a time, no "
                "more and no "
                "fewer: export it with a batch size that is left open (torch: dynamic axes; tf2onnx: None)"
            )
    if {port.name for port in graph.inputs} == set(kinds):
        for port in graph.inputs:
            _feed_one(port, [port.name], kinds, around)
        return
    if len(graph.inputs) != 1:
        raise ArtifactError(
            f"the graph's inputs are {', '.join(map(str, graph.inputs))}; the model file's "
            f"{', '.join(kinds)}. Each needs an "
            "input of its own by that name, or there is one matrix and --columns says what stands in it"
        )
    (port,) = graph.inputs
    if not columns:
        raise ArtifactError(
            f"the graph has one input, {port}: say what stands in its columns, in the order in which it was trained: "
            f"--columns {','.join(kinds)}"
        )
    if sorted(columns) != sorted(kinds):
        raise ArtifactError(f"--columns names {','.join(columns)}; the inputs of the model file are {','.join(kinds)}")
    _feed_one(port, columns, kinds, around)


def _feed_one(port: Port, columns: Sequence[str], kinds: Mapping[str, str], around: _Around) -> None:
    if port.shape is not None and len(port.shape) not in (1, 2):
        raise ArtifactError(f"the input {port} is no column and no table of columns")
    if port.width is not None and port.width != len(columns):
        raise ArtifactError(f"the input {port} has {port.width} columns, not {len(columns)}: {', '.join(columns)}")
    texts = [name for name in columns if kinds[name] == "category"]
    name = columns[0]
    if len(columns) > 1:
        name = f"tidemill_columns_{port.name}"
        around.before.append(helper.make_node("Concat", list(columns), [name], axis=1))
    if port.kind == TensorProto.STRING:
        if len(texts) != len(columns):
            raise ArtifactError(
                f"of the inputs {port} takes text, but {_others(columns, texts)} is a number in the model file"
            )
    elif texts:
        raise ArtifactError(
            f"of the inputs {port} takes numbers, but {texts[0]} is a category in the model file: have the graph "
            "encode the text "
            "itself, or make it `number` there"
        )
    else:
        name = _cast(name, port, len(columns), around)
    sizes = (-1,) if port.shape is not None and len(port.shape) == 1 else (-1, len(columns))
    around.before.append(helper.make_node("Reshape", [name, around.shape(*sizes)], [_INNER + port.name]))


def _others(columns: Sequence[str], texts: Sequence[str]) -> str:
    return next(name for name in columns if name not in texts)


def _cast(name: str, port: Port, width: int, around: _Around) -> str:
    """Floats as what the graph takes. Where that are whole numbers, a row with none has no answer: NaN."""
    if port.kind == around.taken:
        return name
    if port.kind not in NUMBERS | WHOLE_NUMBERS:
        raise ArtifactError(f"of the inputs {port} takes neither text nor numbers: export it with float inputs")
    cast = f"tidemill_cast_{port.name}"
    around.before.append(helper.make_node("Cast", [name], [cast], to=port.kind))
    if port.kind in WHOLE_NUMBERS:
        back, rest, size, less, nan = (f"{cast}_{part}" for part in ("back", "rest", "size", "less", "nan"))
        around.before += [
            helper.make_node("Cast", [cast], [back], to=around.taken),
            helper.make_node("Sub", [name, back], [rest]),
            helper.make_node("Abs", [rest], [size]),
            helper.make_node("Neg", [size], [less]),
            helper.make_node("Sqrt", [less], [nan]),  # of 0 it is 0; of a fraction, or of a missing value, NaN
        ]
        around.not_whole.append((nan, width))
    return cast


def _answer(outputs: Sequence[str], around: _Around, *, single: bool, logits: bool, task: str, kind: int) -> None:
    """Nodes from the graph's outputs to the scores."""
    nodes = around.behind
    columns = []
    for place, name in enumerate(outputs):
        column = f"tidemill_answer_{place}"
        nodes.append(helper.make_node("Cast", [name], [column], to=kind))
        if len(outputs) > 1 or single or task == "regression":
            nodes.append(helper.make_node("Reshape", [column, around.shape(-1, 1)], [f"{column}_column"]))
            column = f"{column}_column"
        columns.append(column)
    last = columns[0]
    if len(columns) > 1:
        last = "tidemill_table"
        nodes.append(helper.make_node("Concat", columns, [last], axis=1))
    if logits:
        nodes.append(helper.make_node("Sigmoid", [last], ["tidemill_p"]) if single else
                     helper.make_node("Softmax", [last], ["tidemill_p"], axis=1))  # fmt: skip
        last = "tidemill_p"
    if single:
        around.weights.append(
            numpy_helper.from_array(np.array([[1.0]], dtype=helper.tensor_dtype_to_np_dtype(kind)), "tidemill_one")
        )
        nodes += [
            helper.make_node("Sub", ["tidemill_one", last], ["tidemill_rest"]),
            helper.make_node("Concat", ["tidemill_rest", last], ["tidemill_both"], axis=1),
        ]
        last = "tidemill_both"
    for place, (doubt, width) in enumerate(around.not_whole):
        ones, sure = f"tidemill_ones_{place}", f"tidemill_sure_{place}"
        around.weights.append(numpy_helper.from_array(np.ones((width, 1), dtype=np.float64), ones))  # whole: doubles
        nodes.append(helper.make_node("MatMul", [doubt, ones], [f"tidemill_doubt_{place}"]))
        nodes.append(helper.make_node("Cast", [f"tidemill_doubt_{place}"], [f"tidemill_same_{place}"], to=kind))
        nodes.append(helper.make_node("Add", [last, f"tidemill_same_{place}"], [sure]))
        last = sure
    nodes.append(helper.make_node("Identity", [last], [SCORES]))
