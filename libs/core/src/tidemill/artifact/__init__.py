"""A model as it travels: one directory, bound together by the digest of its manifest.

`<artifacts>/<model>/<version>-<run_id>/` holds model.onnx, reference.json (the training reference for drift),
golden.json (rows with the scores that training saw), manifest.sig (who made it) and, written last, manifest.json with
every file's SHA-256.
"""

from __future__ import annotations

from tidemill.artifact.directory import Artifact, artifact_uri, fetch_artifact, write_artifact
from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.golden import Golden, check_golden
from tidemill.artifact.lineage import Lineage, MixtureMember, told_mixture
from tidemill.artifact.manifest import (
    GOLDEN_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    FeatureColumn,
    Manifest,
    feature_columns,
)
from tidemill.artifact.onnx_model import CheckedGraph, OnnxModel, prepare_runtime
from tidemill.artifact.sandbox.proof import prove
from tidemill.artifact.sandbox.prover import Bounds, Prover
from tidemill.artifact.trusted import ArtifactStore

__all__ = [
    "GOLDEN_FILE",
    "MANIFEST_FILE",
    "MODEL_FILE",
    "REFERENCE_FILE",
    "Artifact",
    "ArtifactError",
    "ArtifactStore",
    "Bounds",
    "CheckedGraph",
    "FeatureColumn",
    "Golden",
    "Lineage",
    "Manifest",
    "MixtureMember",
    "OnnxModel",
    "Prover",
    "Reason",
    "artifact_uri",
    "check_golden",
    "feature_columns",
    "fetch_artifact",
    "prepare_runtime",
    "prove",
    "told_mixture",
    "write_artifact",
]
