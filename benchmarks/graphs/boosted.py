"""The model of the stream benchmark: gradient boosting of 100 trees on ten inputs, as the trainer would make it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.events import payments
from benchmarks.harness.world import World
from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    Golden,
    Manifest,
    OnnxModel,
    artifact_uri,
    feature_columns,
    write_artifact,
)
from tidemill.contracts.events.platform import DataSet, ModelRef, ModelVersion
from tidemill.contracts.model_file import ModelSpec
from tidemill.kafka.client.publisher import Publisher
from tidemill.rows.features import feature_inputs

TREES = 100
ROWS = 20_000
GOLDEN_ROWS = 20


_made: dict[str, tuple[bytes, pa.RecordBatch]] = {}


def boosted(spec: ModelSpec) -> tuple[bytes, pa.RecordBatch]:
    """The graph, and the rows that it was fitted on: made once for a model's name."""
    if spec.name not in _made:
        _made[spec.name] = _boosted(spec)
    return _made[spec.name]


def _boosted(spec: ModelSpec) -> tuple[bytes, pa.RecordBatch]:
    from tidemill_learning.training.examples import Examples
    from tidemill_learning.training.labelled import input_specs
    from tidemill_learning.training.learners import fit
    from tidemill_learning.training.onnx.export import to_onnx

    rows = payments(ROWS)
    risk = rows.column("merchant_risk").to_numpy() + rows.column("velocity").to_numpy() / 40
    target = (np.random.default_rng(1).random(ROWS) < risk).astype(np.int64)
    at = rows.column("at").cast("int64").to_numpy()
    examples = Examples(feature_inputs(rows, spec.features), target, at, at, np.arange(ROWS))
    params = {"learning_rate": 0.05, "max_leaf_nodes": 15, "min_samples_leaf": 40, "max_iter": TREES}
    fitted = fit("gradient_boosting", params, "binary", input_specs(spec.features), examples, None, 0)
    return to_onnx(fitted), rows


def manifest_of(spec: ModelSpec, version: int = 1) -> Manifest:
    """The manifest of a graph of the benchmark's model."""
    return Manifest(
        model=spec.name,
        version=version,
        task="binary",
        output="probabilities",
        features=feature_columns(spec.features),
        classes=("false", "true"),
        positive_class="true",
        run_id="bench",
    )


def files_of(spec: ModelSpec, graph: bytes, rows: pa.RecordBatch) -> dict[str, bytes]:
    """The files of an artifact: the graph, and golden rows from the first of `rows`."""
    inputs = feature_inputs(rows.slice(0, GOLDEN_ROWS), spec.features)
    golden = Golden(inputs, OnnxModel.load(graph, manifest_of(spec)).score(inputs))
    return {MODEL_FILE: graph, GOLDEN_FILE: golden.to_bytes(), REFERENCE_FILE: b"{}"}


def publish(
    spec: ModelSpec, graph: bytes, rows: pa.RecordBatch, root: Path, partitions: int, version: int = 1
) -> ModelVersion:
    """Write the artifact below `root` and give its event: see `written`."""
    return written(spec, files_of(spec, graph, rows), root, partitions, version)


def written(spec: ModelSpec, files: Mapping[str, bytes], root: Path, partitions: int, version: int) -> ModelVersion:
    """Write the artifact below `root` and give the event that makes it serve: from the first offset on, at the epoch
    of its number.
    """
    uri = artifact_uri(root.as_uri(), spec.name, version, "bench")
    digest = write_artifact(uri, files, manifest_of(spec, version))
    reference = ModelRef(
        version=version,
        artifact_uri=uri,
        manifest_digest=digest,
        run_id="bench",
        tracking_run="",
        data_set=DataSet(table_uri="", table_version=0, offsets=()),
    )
    return ModelVersion(
        model=spec.name,
        epoch=version,
        mode="direct",
        champion=reference,
        challenger_share=0.0,
        start_offsets=(0,) * partitions,
        published_at=0,
    )


def announce(place: World, prefix: str, publisher: Publisher, event: ModelVersion) -> None:
    """Publish an event of model-versions, as the release part would."""
    value = place.codec.encode_one(event.to_dict(), place.schemas.platform("model-version"))
    publisher.publish(place.topics(prefix).name("model_versions"), value, key=event.model.encode())
