"""Versions of the toy model that must never serve, each bad in one way, as a broken or hostile trainer may write.

Each function writes an artifact below `root` and gives the event for it; version and epoch are one number.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.broker.inference.world import FEATURE, MODEL
from tests.support.models import odd_graphs
from tests.support.models.toy_models import publish_files, publish_toy, sigmoid_graph, toy_manifest
from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, Golden, Reason
from tidemill.artifact.directory import MAX_FILE_BYTES
from tidemill.contracts.events.platform import ModelVersion

Make = Callable[[Path, int], ModelVersion]
OFFSETS = (0, 0)
SHAPE = [None, 2]


@dataclass(frozen=True)
class Trap:
    """What an unpickling would carry out: it leaves a file."""

    trace: str

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.trace,)


def trace_of(root: Path) -> Path:
    """What is there once somebody has unpickled a model."""
    return root / "unpickled"


def good(root: Path, number: int) -> ModelVersion:
    return publish_toy(root.as_uri(), MODEL, number, feature=FEATURE, start_offsets=OFFSETS)


def file_of(root: Path, number: int) -> Path:
    """The graph of a version."""
    return root / MODEL / f"{number}-run{number}" / MODEL_FILE


def of_graph(root: Path, number: int, graph: bytes) -> ModelVersion:
    """A version with this graph, whatever it is, and digests that fit."""
    inputs = {FEATURE: np.array([[0.5], [1.0]], dtype=np.float32)}
    files = {MODEL_FILE: graph, GOLDEN_FILE: Golden(inputs, np.array([0.5, 0.5])).to_bytes()}
    return publish_files(root.as_uri(), toy_manifest(MODEL, number, FEATURE), files, start_offsets=OFFSETS)


def of_nodes(root: Path, number: int, nodes: list[onnx.NodeProto], *tensors: onnx.TensorProto) -> ModelVersion:
    """A version whose graph is made of these nodes, from FEATURE to `probabilities`."""
    body = helper.make_graph(
        nodes,
        "bad",
        [helper.make_tensor_value_info(FEATURE, TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, None])],
        list(tensors),
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return of_graph(root, number, bytes(model.SerializeToString()))


def unsigned(root: Path, number: int) -> ModelVersion:
    """Nothing is wrong with it, but nobody says who made it."""
    return publish_toy(root.as_uri(), MODEL, number, feature=FEATURE, start_offsets=OFFSETS, signed=False)


def elsewhere(root: Path, number: int) -> ModelVersion:
    event = good(root, number)
    return replace(event, champion=replace(event.champion, artifact_uri="s3://elsewhere/model/1-r"))


def wrong_digest(root: Path, number: int) -> ModelVersion:
    event = good(root, number)
    return replace(event, champion=replace(event.champion, manifest_digest="0" * 64))


def other_bytes(root: Path, number: int) -> ModelVersion:
    """The graph of another version, put in its place afterwards."""
    event = good(root, number)
    file_of(root, number).write_bytes(sigmoid_graph(FEATURE, -1.0))
    return event


def cut_short(root: Path, number: int) -> ModelVersion:
    """Half of it is there, as after an upload that was killed."""
    event, file = good(root, number), file_of(root, number)
    os.truncate(file, file.stat().st_size // 2)
    return event


def missing(root: Path, number: int) -> ModelVersion:
    event = good(root, number)
    file_of(root, number).unlink()
    return event


def too_big(root: Path, number: int) -> ModelVersion:
    event = good(root, number)
    os.truncate(file_of(root, number), MAX_FILE_BYTES + 1)
    return event


def wrong_signature(root: Path, number: int) -> ModelVersion:
    return of_graph(root, number, sigmoid_graph("speed", 1.0))


def wrong_shape(root: Path, number: int) -> ModelVersion:
    """Three numbers a row instead of two."""
    nodes = [helper.make_node("Concat", [FEATURE, FEATURE, FEATURE], ["probabilities"], axis=1)]
    return of_nodes(root, number, nodes)


def external_data(root: Path, number: int) -> ModelVersion:
    """Its weights lie in a file beside it, which is there."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 2], [0.0, 1.0])
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    event = of_nodes(root, number, [helper.make_node("MatMul", [FEATURE, "w"], ["probabilities"])], weights)
    (file_of(root, number).parent / "weights.bin").write_bytes(np.array([0.0, 1.0], dtype=np.float32).tobytes())
    return event


def custom_domain(root: Path, number: int) -> ModelVersion:
    """An operator that ONNX Runtime has and would run."""
    return of_nodes(root, number, [helper.make_node("Gelu", [FEATURE], ["probabilities"], domain="com.microsoft")])


def pickled(root: Path, number: int) -> ModelVersion:
    """A pickle under the name of a graph."""
    return of_graph(root, number, pickle.dumps(Trap(str(trace_of(root)))))


def not_a_number(root: Path, number: int) -> ModelVersion:
    return of_graph(root, number, sigmoid_graph(FEATURE, float("nan")))


def never_ends(root: Path, number: int) -> ModelVersion:
    """A loop that is not at its end in this world."""
    return of_graph(root, number, fed_by(odd_graphs.endless_loop()))


def takes_all_memory(root: Path, number: int) -> ModelVersion:
    return of_graph(root, number, fed_by(odd_graphs.huge_range()))


def softmax_over_the_batch(root: Path, number: int) -> ModelVersion:
    """Each answer depends on who asked at the same time; its golden rows are what it says of them."""
    graph = fed_by(odd_graphs.softmax_over_the_batch())
    inputs = {FEATURE: np.array([[0.5], [0.5]], dtype=np.float32)}
    files = {MODEL_FILE: graph, GOLDEN_FILE: Golden(inputs, np.array([0.5, 0.5])).to_bytes()}
    return publish_files(root.as_uri(), toy_manifest(MODEL, number, FEATURE), files, start_offsets=OFFSETS)


def fed_by(graph: bytes) -> bytes:
    """The same with FEATURE in the place of `x`."""
    model = onnx.load_model_from_string(graph)
    model.graph.input[0].name = FEATURE
    model.graph.node.insert(0, helper.make_node("Identity", [FEATURE], ["x"]))
    return bytes(model.SerializeToString())


ROUNDS: tuple[dict[Reason, Make], ...] = (
    {
        Reason.DIGEST: wrong_digest,
        Reason.SIGNATURE: wrong_signature,
        Reason.GRAPH: external_data,
        Reason.GOLDEN: not_a_number,
        Reason.SIZE: too_big,
    },
    {Reason.DIGEST: other_bytes, Reason.SIGNATURE: wrong_shape, Reason.GRAPH: custom_domain},
    {Reason.DIGEST: cut_short, Reason.MISSING: missing, Reason.GRAPH: pickled},
    {Reason.UNSIGNED: unsigned, Reason.PLACE: elsewhere},
    {Reason.PROOF: never_ends, Reason.SCORES: softmax_over_the_batch, Reason.GRAPH: takes_all_memory},
)
"""All of them; those of a round are refused for different reasons, so that each raises an alert of its own."""
