"""All that is recorded of one version: its artifact, its training's request and run, its releases, its labels since."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tidemill.stats.roc_auc import roc_auc_error
from tidemill_learning.drift.profiling.baseline import Baseline
from tidemill_learning.drift.report.picture import Picture
from tidemill_learning.drift.report.promises import CalibrationPoint
from tidemill_operations.drift.event_clock import EventClock
from tidemill_operations.drift.history import History, Measured, Release, read_history, told_evidence
from tidemill_operations.drift.job import read_profiles
from tidemill_operations.errors import NotPossible
from tidemill_operations.feed import read_all
from tidemill_operations.model_card.recorded import recorded
from tidemill_operations.predict.version import reference_of
from tidemill_operations.reach import ensure_reachable

if TYPE_CHECKING:
    from tidemill.artifact import Artifact
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric on held-out rows. `error`: its standard error, None where what is recorded does not give one; `since`:
    the mean over the labels of the version since it serves, and how many these are.
    """

    name: str
    value: float
    error: float | None
    since: float | None
    labels: int


@dataclass(frozen=True, slots=True)
class Card:
    """One version. `documents`: what `recorded` looks into; `calibration`: on labels since it serves, of the stream or,
    without, of REST; `releases`: those that made it serve, or that put it on trial; `evidence` of the gate and
    `reasons` of the request: one sentence each.
    """

    spec: ModelSpec
    version: int
    documents: Mapping[str, Any]
    metrics: tuple[Metric, ...]
    gate: tuple[str, ...]
    outcome: str
    decision: str
    reasons: tuple[str, ...]
    releases: tuple[Release, ...]
    calibration: tuple[CalibrationPoint, ...]

    def recorded(self, *places: str) -> Any:
        """What is recorded at the first of these places that has something; None where nothing is."""
        return recorded(self.documents, places)


def model_card(platform: PlatformView, model: str, version: int) -> Card:
    """Reads it. Raises NotPossible where there is no such version, or its artifact is not what was published;
    RetryLater without brokers.
    """
    spec = platform.model(model)
    ensure_reachable(platform.settings)
    published, _ = reference_of(platform, model, version)
    artifact = _artifact(platform, model, published)
    reference = _reference(artifact)
    run, request = _training(platform, model, published["run_id"])
    picture, clock = Picture(reference, version, width=1), EventClock()
    for appended_ms, profile in read_profiles(platform, model, None):
        if profile is not None and picture.add(profile) and profile.kind == "features" and profile.source is None:
            clock.add(appended_ms, profile.ended_at)
    history = read_history(platform, model, None, clock)
    documents = {
        "manifest": json.loads(artifact.manifest.to_bytes()), "reference": reference, "run": run, "request": request,
        "decides_at": artifact.manifest.decides_at if artifact.manifest.task == "binary" else None,
        "digest": published["manifest_digest"], "uri": published["artifact_uri"], "file": _file(spec),
        "mixture": {f"version {number}": weight for number, weight in artifact.manifest.shares} or "none",
        "parent": _parent(history, version, artifact.manifest.created_at),
    }  # fmt: skip
    calibrations = (source.calibration for source in picture.sources.values())
    return Card(
        spec=spec, version=version, documents=documents,
        metrics=metrics_of(artifact.manifest.metrics, reference, artifact.manifest.task, _own(history, version)),
        gate=tuple(one["detail"] for one in run.get("gate", ())), outcome=str(run.get("outcome") or ""),
        decision=str(run.get("reason", "")), reasons=told_evidence(request),
        releases=tuple(one for one in history.releases if one.version == version),
        calibration=tuple(next(filter(None, calibrations), ())),
    )  # fmt: skip


def metrics_of(
    found: Mapping[str, float], reference: Mapping[str, Any], task: str, measured: tuple[Measured, ...]
) -> tuple[Metric, ...]:
    """Metrics on held-out rows, by name, with what there is to tell of their spread, and the same on labels since.

    The standard error of ROC AUC is Hanley's and McNeil's (Radiology 143, 1982), that of a share of right answers the
    binomial one.
    """
    told = []
    for name, value in sorted(found.items()):
        windows = [one for one in measured if name in one.metrics and one.labels > 0]
        labels = sum(one.labels for one in windows)
        since = sum(one.metrics[name] * one.labels for one in windows) / labels if labels else None
        told.append(Metric(name, value, standard_error(name, value, reference, task), since, labels))
    return tuple(told)


def standard_error(name: str, value: float, reference: Mapping[str, Any], task: str) -> float | None:
    """Of a metric on held-out rows; None where what is recorded does not give it.

    >>> reference = {"rows": 900, "held_out_rows": 400, "predictions": {"mean": 0.5}}
    >>> standard_error("accuracy", 0.8, reference, "binary"), standard_error("log_loss", 0.4, reference, "binary")
    (0.02, None)
    """
    rows = reference.get("held_out_rows")
    if not rows:
        return None
    if name in ("accuracy", "error_rate") and 0 <= value <= 1:
        return math.sqrt(value * (1 - value) / rows)
    if name == "roc_auc" and task == "binary" and "mean" in reference.get("predictions", {}):
        return roc_auc_error(value, *Baseline(reference).held_out)
    return None


def _artifact(platform: PlatformView, model: str, published: Mapping[str, Any]) -> Artifact:
    from tidemill.artifact import REFERENCE_FILE, ArtifactError, ArtifactStore

    store = ArtifactStore.of(platform.settings)
    place = model, published["artifact_uri"], published["manifest_digest"]
    try:
        return store.fetch(*place, only=[REFERENCE_FILE])
    except ArtifactError as error:
        raise NotPossible(f"version {published['version']} of {model} has no card: {error}") from error
    except OSError as error:
        raise NotPossible(f"the artifact store does not answer: {error}") from error


def _reference(artifact: Artifact) -> dict[str, Any]:
    from tidemill.artifact import REFERENCE_FILE

    document: dict[str, Any] = json.loads(artifact.files[REFERENCE_FILE])
    return document


def _training(platform: PlatformView, model: str, run_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The newest record of the run, and its request; empty where the topics have them no more."""
    run = next(
        (r.datum for r in reversed(read_all(platform, "retrain_runs", model)) if r.datum["run_id"] == run_id), {}
    )
    requests = read_all(platform, "retrain_requests", model) if run else []
    return run, next((r.datum for r in requests if r.datum["request_id"] == run["request_id"]), {})


def _file(spec: ModelSpec) -> dict[str, Any]:
    """What a card tells of the model file as it is now."""
    weights = spec.training.class_weights
    return {
        "target": asdict(spec.target), "owner": spec.owner,
        "class_weights": dict(weights) if isinstance(weights, tuple) else weights,
    }  # fmt: skip


def _own(history: History, version: int) -> tuple[Measured, ...]:
    return tuple(one for one in history.measured if one.version == version)


def _parent(history: History, version: int, made_ms: int) -> int | None:
    """Which version served when this one was made, by the releases."""
    before = [one.champion for one in history.releases if one.published_ms <= made_ms and one.champion != version]
    return before[-1] if before else None
