"""Versions that are there become the members of one more: composed, measured, proved, and written as any other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    ArtifactStore,
    Bounds,
    CheckedGraph,
    Lineage,
    Manifest,
    MixtureMember,
    Prover,
)
from tidemill.artifact.manifest import sha256
from tidemill.artifact.onnx_model import MAX_ROWS_AT_ONCE
from tidemill.clock import Clock
from tidemill.contracts.events.platform import Evidence, ModelRef
from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.admission import MIXTURE
from tidemill_learning.gate import RuleResult
from tidemill_learning.lineage.environment import libraries
from tidemill_learning.mixture.member import FILES, Member
from tidemill_learning.mixture.mix import Mixed, mix
from tidemill_learning.reference import reference_bytes
from tidemill_trainer.training.data_set import Loaded
from tidemill_trainer.training.lineage import lineage_of
from tidemill_trainer.training.tracker import Logged, Tracker

if TYPE_CHECKING:
    from tidemill_trainer.training.job import Order

Parts = Sequence[tuple[ModelRef, float]]
"""The members, and their weights."""


def version_of_mixture(
    spec: ModelSpec, order: Order, loaded: Loaded, parts: Parts, version: int, *, store: ArtifactStore,
    tracking: Tracker, clock: Clock, git_sha: str, bounds: Bounds,
) -> dict[str, Any]:  # fmt: skip
    """Gives artifact, gate, metrics and start offsets as plain data. The graph is proved in a process that may take no
    more than `bounds`. Raises ArtifactError and MixtureError where it must not serve, OSError where the store is away.
    """
    began = time.monotonic()
    members = [
        Member.of(store.fetch(order.model, one.artifact_uri, one.manifest_digest, only=FILES), weight)
        for one, weight in parts
    ]
    mixed = mix(spec, loaded.rows, loaded.cut_off_ms, members)
    tags = {"tidemill.cause": MIXTURE, "tidemill.version": str(version), "tidemill.code": git_sha}
    tracking_run = tracking.begin(order.model, order.run_id, tags, f"{order.model} v{version} {MIXTURE}")
    try:
        manifest = Manifest(
            model=order.model, version=version, task=spec.target.task, output=mixed.composed.output,
            features=mixed.composed.features, classes=mixed.composed.classes,
            positive_class=mixed.composed.classes[1] if spec.target.task == "binary" else None,
            run_id=order.run_id, tracking_run=tracking_run, data_set=loaded.data_set.to_dict(), window=mixed.window,
            threshold=mixed.threshold, metrics=mixed.metrics, created_at=clock.now_ms(), git_sha=git_sha,
            libraries=libraries(), lineage=_lineage(spec, order, loaded), mixture=_told(parts),
        )  # fmt: skip
        with Prover(bounds) as prover:
            prover.prove(CheckedGraph(mixed.composed.graph), manifest, mixed.golden, batch=MAX_ROWS_AT_ONCE)
        uri, digest = _written(spec, manifest, mixed, store, tracking)
        tracking.record(tracking_run, {}, mixed.metrics, {"tidemill.artifact": uri})
    except BaseException:
        tracking.end(tracking_run, failed=True)
        raise
    tracking.end(tracking_run)
    reference = ModelRef(
        version=version, artifact_uri=uri, manifest_digest=digest, run_id=order.run_id, tracking_run=tracking_run,
        data_set=loaded.data_set,
    )  # fmt: skip
    return {
        "artifact": reference.to_dict(), "gate": [_evidence(one).to_dict() for one in mixed.checks],
        "metrics": {**mixed.metrics, **_threshold(mixed), "seconds": time.monotonic() - began},
        "start_offsets": list(loaded.start_offsets), "reason": f"a mixture: its rows are {mixed.window}",
    }  # fmt: skip


def _written(
    spec: ModelSpec, manifest: Manifest, mixed: Mixed, store: ArtifactStore, tracking: Tracker
) -> tuple[str, str]:  # fmt: skip
    uri = store.uri(manifest.model, manifest.version, manifest.run_id)
    files = {
        MODEL_FILE: mixed.composed.graph,
        REFERENCE_FILE: reference_bytes(mixed.reference),
        GOLDEN_FILE: mixed.golden.to_bytes(),
    }
    digest = store.write(uri, files, manifest)
    stored = replace(manifest, files={name: sha256(data) for name, data in files.items()})
    how = f"A mixture of versions that labels have proved better than the one that served. Its rows are {mixed.window}."
    tracking.log_version(Logged(spec, stored, files, uri, digest, how))
    return uri, digest


def _told(parts: Parts) -> tuple[MixtureMember, ...]:
    return tuple(
        MixtureMember(
            version=one.version, weight=weight, artifact_uri=one.artifact_uri, manifest_digest=one.manifest_digest
        )
        for one, weight in parts
    )


def _lineage(spec: ModelSpec, order: Order, loaded: Loaded) -> Lineage:
    return lineage_of(spec, loaded, MIXTURE, order.champion)


def _evidence(found: RuleResult) -> Evidence:
    kind = MIXTURE if found.rule == MIXTURE else "gate"
    return Evidence(
        detector=found.rule, kind=kind, subject=found.metric, statistic=found.statistic, threshold=found.threshold,
        detail=found.detail,
    )  # fmt: skip


def _threshold(mixed: Mixed) -> Mapping[str, float]:
    return {} if mixed.threshold is None else {"threshold": mixed.threshold}
