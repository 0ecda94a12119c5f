"""A model that was trained elsewhere becomes a version: verified anew, given its reference, written as any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.compute as pc

from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    ArtifactError,
    Golden,
    Manifest,
    OnnxModel,
    artifact_uri,
    check_golden,
    feature_columns,
    fetch_artifact,
    write_artifact,
)
from tidemill.artifact.staging import SAMPLE_FILE, Staged, is_staging, read_sample
from tidemill.clock import Clock
from tidemill.contracts.events import DataSet, Evidence, ModelRef
from tidemill.contracts.model_file import ModelSpec
from tidemill.features import feature_inputs
from tidemill_learning.reference import reference_bytes, training_reference
from tidemill_trainer.adapters.tracking import Tracking


def adopt(
    spec: ModelSpec, staged: Staged, version: int, run_id: str, *, artifacts: str, tracking: Tracking, clock: Clock
) -> dict[str, Any]:
    """Gives artifact, gate and start offsets as plain data. Raises ArtifactError where the model must not serve."""
    if not is_staging(staged.uri, artifacts, spec.name):
        raise ArtifactError(f"{staged.uri} is no place for imports of {spec.name}")
    fetched = fetch_artifact(staged.uri, staged.digest)
    _check(fetched.manifest, spec)
    model = OnnxModel.load(fetched.files[MODEL_FILE], fetched.manifest)
    golden = Golden.from_bytes(fetched.files[GOLDEN_FILE], fetched.manifest)
    check_golden(model, golden)
    reference = _reference(model, fetched.files[SAMPLE_FILE], spec)
    tracking_run = tracking.begin(spec.name, run_id, {"tidemill.cause": "import", "tidemill.import": staged.uri})
    manifest = replace(
        fetched.manifest, version=version, run_id=run_id, tracking_run=tracking_run, created_at=clock.now_ms()
    )
    uri = artifact_uri(artifacts, spec.name, version, run_id)
    files = {
        MODEL_FILE: fetched.files[MODEL_FILE],
        REFERENCE_FILE: reference_bytes(reference),
        GOLDEN_FILE: fetched.files[GOLDEN_FILE],
    }
    digest = write_artifact(uri, files, manifest)
    tracking.record(tracking_run, {}, {}, {"tidemill.version": str(version), "tidemill.artifact": uri})
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


def _reference(model: OnnxModel, sample: bytes, spec: ModelSpec) -> Mapping[str, Any]:
    """What drift is measured against: the sample's features, and what the model says of them."""
    rows = read_sample(sample)
    scores = model.score(feature_inputs(rows, spec.features))
    if not len(scores) or not np.isfinite(scores).all():
        raise ArtifactError("the model gives no number for rows of the sample, or there are none")
    times = rows.column(spec.event_time).cast("int64")
    span = (int(pc.min(times).as_py()), int(pc.max(times).as_py()))
    return training_reference(
        rows, spec.features, span, scores=scores, classes=model.manifest.classes, metrics={}, held_out_rows=len(scores)
    )
