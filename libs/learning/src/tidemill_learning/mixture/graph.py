"""One graph that holds the graphs of several versions and answers with the weighted sum of their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tidemill.artifact import FeatureColumn
from tidemill.artifact.lineage import check_mixture
from tidemill.artifact.sandbox.graph_guard import MAX_MODEL_BYTES, check_graph
from tidemill.rows.features import input_kinds
from tidemill_learning.mixture.member import Member, MixtureError
from tidemill_learning.training.onnx.encoder_graph import Nodes
from tidemill_learning.training.onnx.export import ML_OPSET, free_name, score_name

ML = "ai.onnx.ml"
LEAST_OPSETS = {"": 13, ML: 2}
"""What the nodes that are added here are of."""


@dataclass(frozen=True, slots=True)
class Composed:
    """`graph`: ONNX bytes, with the scores in double in `output`, the last one: [n, C] in the order of `classes`, or
    [n, 1]. `features`: all that any member reads.
    """

    graph: bytes
    output: str
    classes: tuple[str, ...]
    features: tuple[FeatureColumn, ...]


def compose(members: Sequence[Member]) -> Composed:
    """Put the members' graphs side by side, each fed from the same inputs, and add up their scores in double, each
    times its weight. Classes are matched by name (of a binary model by which is positive), sorted; one that a member
    does not know has probability 0 there. The same members and weights give the same bytes.

    Raises MixtureError where the members are not of one kind (task, operator sets, features of one name), and
    ArtifactError where the graph is none that may be served (too large, other operators).
    """
    _check(members)
    features = _features(members)
    kinds, task, classes = input_kinds(features), members[0].manifest.task, _classes(members)
    root = "mix."
    while any(name.startswith(root) for name in kinds):
        root = f"_{root}"
    models = [onnx.load_from_string(member.graph) for member in members]
    opsets, ir_version = _opsets(members, models), models[0].ir_version
    made, parts = Nodes(), []
    for k, (member, model) in enumerate(zip(members, models, strict=True)):
        _fed(made, member, model.graph, f"{root}{k}.", root)
        parts.append(_weighted(made, member, f"{root}{k}.", classes))
    output = score_name(task, kinds)
    total = parts[0]
    for k, part in enumerate(parts[1:], 1):
        total = made.add("Add", [total, part], f"{root}sum{k}")
    made.add("Identity", [total], output)
    outputs = [helper.make_tensor_value_info(output, TensorProto.DOUBLE, [None, len(classes) or 1])]
    if classes:
        outputs.insert(0, _label(made, task, classes, output, free_name("label", kinds), root))
    inputs = [helper.make_tensor_value_info(name, _KINDS[kind], [None, 1]) for name, kind in kinds.items()]
    body = helper.make_graph(made.nodes, "tidemill", inputs, outputs, made.constants)
    for model in models:
        body.sparse_initializer.extend(model.graph.sparse_initializer)
    whole = helper.make_model(body, opset_imports=opsets, ir_version=ir_version, producer_name="tidemill")
    return Composed(_bytes(whole), output, classes, features)


_KINDS = {"category": TensorProto.STRING, "number": TensorProto.DOUBLE}


def _bytes(whole: onnx.ModelProto) -> bytes:
    data = bytes(whole.SerializeToString(deterministic=True))
    check_graph(data)
    try:
        onnx.checker.check_model(whole)
    except onnx.checker.ValidationError as error:
        raise MixtureError(f"the graphs of its members make no valid graph together: {error}") from error
    return data


def _check(members: Sequence[Member]) -> None:
    try:
        newest = max((one.version for one in members), default=0)
        check_mixture([(one.version, one.weight) for one in members], newest + 1)
    except ValueError as error:
        raise MixtureError(str(error)) from None
    first = members[0].manifest
    for one in members:
        if (one.manifest.model, one.manifest.task) != (first.model, first.task):
            raise MixtureError(f"version {one.version} is a {one.manifest.task} model of {one.manifest.model}, version "
                               f"{first.version} a {first.task} model of {first.model}")  # fmt: skip
        if one.manifest.mixture:
            raise MixtureError(f"version {one.version} is a mixture itself: name its members instead")
    size = sum(len(one.graph) for one in members)
    if size > MAX_MODEL_BYTES:
        raise MixtureError(f"the graphs of its members have {size:,} bytes together, more than {MAX_MODEL_BYTES:,}: "
                           "mix smaller ones, or fewer")  # fmt: skip


def _features(members: Sequence[Member]) -> tuple[FeatureColumn, ...]:
    found: dict[str, tuple[FeatureColumn, int]] = {}
    for member in members:
        for one in member.manifest.features:
            known, version = found.setdefault(one.name, (one, member.version))
            if known != one:
                raise MixtureError(f"the feature {one.name!r} is another one in version {member.version} ({one}) than "
                                   f"in version {version} ({known}): versions of one reading mix")  # fmt: skip
    features = tuple(one for one, _ in found.values())
    names = [name for one in features for name in input_kinds([one])]
    if len(set(names)) != len(names):
        raise MixtureError(f"two features of its members make one input: {', '.join(sorted(names))}")
    return features


def _classes(members: Sequence[Member]) -> tuple[str, ...]:
    """Of all members together; those of a binary mixture are ours, for its members may call them otherwise."""
    task = members[0].manifest.task
    if task == "binary":
        return ("false", "true")
    return tuple(sorted({name for one in members for name in one.manifest.classes}))


def _opsets(members: Sequence[Member], models: Sequence[onnx.ModelProto]) -> list[onnx.OperatorSetIdProto]:
    """The operator sets that all members are of, by domain."""
    found: dict[str, int] = {}
    for member, model in zip(members, models, strict=True):
        if model.ir_version != models[0].ir_version:
            raise MixtureError(f"version {member.version} is of ONNX's IR version {model.ir_version}, version "
                               f"{members[0].version} of {models[0].ir_version}: export them alike")  # fmt: skip
        for one in model.opset_import:
            domain = "" if one.domain == "ai.onnx" else one.domain
            if found.setdefault(domain, one.version) != one.version:
                raise MixtureError(f"version {member.version} is of operator set {one.version} of "
                                   f"{domain or 'ai.onnx'}, another of {found[domain]}: export alike")  # fmt: skip
    found.setdefault(ML, ML_OPSET)
    for domain, least in LEAST_OPSETS.items():
        if found.get(domain, 0) < least:
            raise MixtureError(f"its members are of operator set {found.get(domain, 0)} of {domain or 'ai.onnx'}: "
                               f"{least} or a newer one is wanted")  # fmt: skip
    return [helper.make_opsetid(domain, version) for domain, version in sorted(found.items())]


def _fed(made: Nodes, member: Member, graph: onnx.GraphProto, prefix: str, root: str) -> None:
    """A member's nodes and constants under names of their own, behind nodes that hand it the inputs. A member that
    reads float where a double comes is given the nearest float, and a NaN for what no float can hold, as by itself.
    """
    kinds = {one.name: one.type.tensor_type.elem_type for one in graph.input}
    _prefix(graph, prefix)
    for name in member.manifest.inputs:
        if kinds.get(name) == TensorProto.FLOAT:
            single = made.add("Cast", [name], f"{prefix}{name}.single", to=TensorProto.FLOAT)
            beyond = made.add("IsInf", [single], f"{prefix}{name}.beyond")
            nan = made.constant(f"{prefix}{name}.nan", np.array([np.nan], dtype=np.float32))
            made.add("Where", [beyond, nan, single], prefix + name)
        else:
            made.add("Identity", [name], prefix + name)
    made.nodes.extend(graph.node)
    made.constants.extend(graph.initializer)


def _prefix(graph: onnx.GraphProto, prefix: str) -> None:
    """Put it before every name, of graphs within the graph too; no name is that of an input then."""
    for node in graph.node:
        node.name = node.name and prefix + node.name
        for names in (node.input, node.output):
            names[:] = [name and prefix + name for name in names]
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _prefix(inner, prefix)
    for tensor in (*graph.initializer, *(one.values for one in graph.sparse_initializer)):
        tensor.name = prefix + tensor.name
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = prefix + value.name


def _weighted(made: Nodes, member: Member, prefix: str, classes: tuple[str, ...]) -> str:
    """What the member adds to the scores, double [n, C]: each of its columns times the weight, in its class's place."""
    table = weights_of(member, classes)
    score = made.add("Cast", [prefix + member.manifest.output], f"{prefix}mix.scores", to=TensorProto.DOUBLE)
    shape = made.constant(f"{prefix}mix.shape", np.array([-1, len(table)], dtype=np.int64))
    wide = made.add("Reshape", [score, shape], f"{prefix}mix.columns")
    return made.add("MatMul", [wide, made.constant(f"{prefix}mix.weights", table)], f"{prefix}mix.part")


def weights_of(member: Member, classes: Sequence[str]) -> NDArray[np.float64]:
    """By what a member's scores [n, C of its own] are multiplied to be its part of a mixture's [n, C]: its weight where
    a class of its own meets the same of the mixture.
    """
    manifest = member.manifest
    if manifest.task == "regression":
        return np.array([[member.weight]])
    if manifest.task == "binary":
        places = [int(name == manifest.positive_class) for name in manifest.classes]
    else:
        places = [list(classes).index(name) for name in manifest.classes]
    table = np.zeros((len(manifest.classes), len(classes)))
    table[np.arange(len(places)), places] = member.weight
    return table


def _label(
    made: Nodes, task: str, classes: tuple[str, ...], scores: str, label: str, root: str
) -> onnx.ValueInfoProto:  # fmt: skip
    binary = task == "binary"
    found = made.add("ArgMax", [scores], label if binary else f"{root}position", axis=1, keepdims=0)
    if not binary:
        numbers = list(range(len(classes)))
        made.add("LabelEncoder", [found], label, domain=ML, keys_int64s=numbers, values_strings=list(classes))
    return helper.make_tensor_value_info(label, TensorProto.INT64 if binary else TensorProto.STRING, [None])
