"""A model that was trained elsewhere becomes a version: verified anew, given its reference, written as any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    ArtifactError,
    ArtifactStore,
    Bounds,
    CheckedGraph,
    Golden,
    Lineage,
    Manifest,
    OnnxModel,
    Prover,
    check_golden,
    feature_columns,
)
from tidemill.artifact.manifest import sha256
from tidemill.artifact.onnx_model import MAX_ROWS_AT_ONCE
from tidemill.artifact.sandbox.proof import MOST_ROWS
from tidemill.artifact.staging import SAMPLE_FILE, Staged, is_staging, read_sample
from tidemill.clock import Clock
from tidemill.contracts.events.platform import DataSet, Evidence, ModelRef
from tidemill.contracts.model_file import ModelSpec
from tidemill.rows.features import feature_inputs
from tidemill_learning.reference import reference_bytes, training_reference
from tidemill_trainer.training.tracker import Logged, Tracker


def version_of_import(
    spec: ModelSpec, staged: Staged, version: int, run_id: str, *, store: ArtifactStore, tracking: Tracker, clock:
    Clock, bounds: Bounds | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Gives artifact, gate and start offsets as plain data. Raises ArtifactError where the model must not serve: it is
    proved on its golden rows and on its sample in a process that may take no more than `bounds`.
    """
    if not is_staging(staged.uri, store.root, spec.name):
        raise ArtifactError(f"{staged.uri} is no place for imports of {spec.name}")
    fetched = store.fetch(spec.name, staged.uri, staged.digest)
    _check(fetched.manifest, spec)
    golden = Golden.from_bytes(fetched.files[GOLDEN_FILE], fetched.manifest)
    rows = read_sample(fetched.files[SAMPLE_FILE])
    graph = CheckedGraph(fetched.files[MODEL_FILE])
    with Prover(bounds) as prover:
        prover.prove(graph, fetched.manifest, golden, batch=MAX_ROWS_AT_ONCE)
        prover.prove(graph, fetched.manifest, _asked(rows, spec), repeats=False)
    model = OnnxModel.of(graph, fetched.manifest)
    check_golden(model, golden)
    reference = _reference(model, rows, spec)
    day = datetime.fromtimestamp(clock.now_ms() / 1000, tz=UTC).date().isoformat()
    tags = {"tidemill.cause": "import", "tidemill.import": staged.uri}
    tracking_run = tracking.begin(spec.name, run_id, tags, f"{spec.name} v{version} import {day}")
    manifest = replace(
        fetched.manifest,
        version=version,
        run_id=run_id,
        tracking_run=tracking_run,
        created_at=clock.now_ms(),
        lineage=Lineage(cause="import"),
    )
    uri = store.uri(spec.name, version, run_id)
    files = {
        MODEL_FILE: fetched.files[MODEL_FILE],
        REFERENCE_FILE: reference_bytes(reference),
        GOLDEN_FILE: fetched.files[GOLDEN_FILE],
    }
    digest = store.write(uri, files, manifest)
    stored = replace(manifest, files={name: sha256(data) for name, data in files.items()})
    tracking.record(tracking_run, {}, {}, {"tidemill.version": str(version), "tidemill.artifact": uri})
    how = f"Trained elsewhere and imported from {staged.uri}; not judged here."
    tracking.log_version(Logged(spec, stored, files, uri, digest, how))
    tracking.end(tracking_run)
    data_set = DataSet.from_dict(manifest.data_set)
    checked = Evidence(
        detector="import", kind="gate", subject="golden rows", statistic=float(len(golden.scores)), threshold=1.0,
        detail=f"{len(golden.scores)} golden rows repeated, {reference['rows']} sample rows scored; not trained here",
    )  # fmt: skip
    return {
        "artifact": ModelRef(
            version=version, artifact_uri=uri, manifest_digest=digest, run_id=run_id, tracking_run=tracking_run,
            data_set=data_set,
        ).to_dict(),
        "gate": [checked.to_dict()],
        "start_offsets": [part.last + 1 for part in sorted(data_set.offsets, key=lambda part: part.partition)],
    }  # fmt: skip


def _check(manifest: Manifest, spec: ModelSpec) -> None:
    if manifest.model != spec.name or manifest.task != spec.target.task:
        raise ArtifactError(f"it is a {manifest.task} model for {manifest.model}, not one for {spec.name}")
    if manifest.features != feature_columns(spec.features):
        raise ArtifactError("its features are not those of the model file as it is now")


def _asked(rows: pa.Table, spec: ModelSpec) -> Golden:
    """Some rows of the sample as what is asked; what it answers is not known yet. Raises ArtifactError."""
    if not rows.num_rows:
        raise ArtifactError("the model gives no number for rows of the sample: there are none")
    some = rows.slice(0, MOST_ROWS)
    return Golden(feature_inputs(some, spec.features), np.zeros(some.num_rows))


def _reference(model: OnnxModel, rows: pa.Table, spec: ModelSpec) -> Mapping[str, Any]:
    """What drift is measured against: the sample's features, and what the model says of them."""
    scores = model.score(feature_inputs(rows, spec.features))
    if not len(scores) or not np.isfinite(scores).all():
        raise ArtifactError("the model gives no number for rows of the sample, or there are none")
    times = rows.column(spec.event_time).cast("int64")
    span = (int(pc.min(times).as_py()), int(pc.max(times).as_py()))
    return training_reference(
        rows, spec.features, span, scores=scores, classes=model.manifest.classes, metrics={}, held_out_rows=len(scores)
    )
