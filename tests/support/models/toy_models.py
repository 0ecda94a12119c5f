"""Small artifacts for tests: versions of a model that differ in one weight, made without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.signing import signer
from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    FeatureColumn,
    Golden,
    Manifest,
    OnnxModel,
    artifact_uri,
    write_artifact,
)
from tidemill.contracts.events.platform import DataSet, ModelRef, ModelVersion


def sigmoid_graph(feature: str, weight: float, ballast_mb: int = 0) -> bytes:
    """Two probabilities a row: the second is 1 / (1 + exp(-weight * feature)). `ballast_mb`: MiB of numbers that it
    carries with it, and adds the first of, which is 0.
    """
    weights = [helper.make_tensor("w", TensorProto.FLOAT, [1, 2], [0.0, weight])]
    nodes = [helper.make_node("MatMul", [feature, "w"], ["z"])]
    if ballast_mb:
        ballast = np.arange(ballast_mb << 18, dtype=np.float32)
        zero = numpy_helper.from_array(np.float32(0), "zero")
        weights += [numpy_helper.from_array(ballast, "ballast"), zero]
        nodes += [  # of a place that only the input tells, or the runtime would reckon it out beforehand
            helper.make_node("Clip", [feature, "zero", "zero"], ["none"]),
            helper.make_node("Cast", ["none"], ["place"], to=TensorProto.INT64),
            helper.make_node("Gather", ["ballast", "place"], ["nothing"]),
            helper.make_node("Add", ["z", "nothing"], ["sum"]),
        ]
    nodes.append(helper.make_node("Softmax", ["sum" if ballast_mb else "z"], ["probabilities"], axis=1))
    body = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info(feature, TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        weights,
    )
    model: onnx.ModelProto = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def toy_manifest(model: str, version: int, feature: str) -> Manifest:
    """A binary model on one number."""
    return Manifest(
        model=model,
        version=version,
        task="binary",
        output="probabilities",
        features=(FeatureColumn(feature, "number"),),
        classes=("false", "true"),
        positive_class="true",
        run_id=f"run{version}",
    )


def publish_toy(
    root: str,
    model: str,
    version: int,
    *,
    feature: str,
    start_offsets: tuple[int, ...],
    epoch: int | None = None,
    golden_shift: float = 0.0,
    weight: float | None = None,
    ballast_mb: int = 0,
    signed: bool = True,
) -> ModelVersion:
    """Write version `version` of `model` below `root`, with this weight or its number, and give the event for it.

    `golden_shift` other than 0 makes golden rows that the model does not repeat. `ballast_mb`: see sigmoid_graph.
    `signed`: by the key of this run.
    """
    manifest = toy_manifest(model, version, feature)
    graph = sigmoid_graph(feature, float(version) if weight is None else weight, ballast_mb)
    inputs = {feature: np.array([[0.5], [1.0], [-1.0]], dtype=np.float32)}
    scores = OnnxModel.load(graph, manifest).score(inputs) + golden_shift
    files = {
        MODEL_FILE: graph,
        GOLDEN_FILE: Golden(inputs, scores).to_bytes(),
        REFERENCE_FILE: b"{}",
    }
    return publish_files(root, manifest, files, start_offsets=start_offsets, epoch=epoch, signed=signed)


def publish_files(
    root: str,
    manifest: Manifest,
    files: Mapping[str, bytes],
    *,
    start_offsets: tuple[int, ...],
    epoch: int | None = None,
    signed: bool = True,
) -> ModelVersion:
    """Write these files as the version of `manifest` below `root`, and give the event for it."""
    uri = artifact_uri(root, manifest.model, manifest.version, manifest.run_id)
    digest = write_artifact(uri, files, manifest, signer() if signed else None)
    reference = ModelRef(
        version=manifest.version,
        artifact_uri=uri,
        manifest_digest=digest,
        run_id=manifest.run_id,
        tracking_run="",
        data_set=DataSet(table_uri="", table_version=0, offsets=()),
    )
    return ModelVersion(
        model=manifest.model,
        epoch=manifest.version if epoch is None else epoch,
        mode="direct",
        champion=reference,
        challenger_share=0.0,
        start_offsets=start_offsets,
        published_at=0,
    )


def toy_probability(version: int, value: float) -> float:
    """What version `version` answers for `value`."""
    return float(1.0 / (1.0 + np.exp(-version * value)))
