"""The detectors of all models, kept in agreement with what is stored of them. Knows neither Faust nor Kafka."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from tidemill.contracts.events.platform import DriftEvent, ModelPerformance, ModelVersion, RetrainRequest
from tidemill.contracts.events.profiles import Profile
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.topics import TopicCatalog
from tidemill_drift import metrics
from tidemill_learning.drift.detection.detector import Detector, Outcome

_log = logging.getLogger(__name__)

ROLES: dict[type[Any], str] = {
    DriftEvent: "drift_events",
    ModelPerformance: "model_performance",
    RetrainRequest: "retrain_requests",
}
"""Where each kind of outcome is written."""


class DetectorHost:
    """One detector a model over a store of bytes by model name (Faust's table).

    A detector in memory is used as long as the store holds what it last wrote; otherwise (another process had
    the partition, a restart) it is rebuilt from the store.
    """

    def __init__(self, specs: Iterable[ModelSpec], topics: TopicCatalog, store: MutableMapping[bytes, bytes]) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._topics = topics
        self._store = store
        self._live: dict[str, tuple[bytes | None, Detector]] = {}
        self._known: dict[str, tuple[ModelVersion, Mapping[str, Any]]] = {}

    def knows(self, model: str) -> bool:
        """Whether this process watches the model."""
        return model in self._specs

    def take_up(self, specs: Iterable[ModelSpec]) -> None:
        """Watch these models, too, or as these say: what is stored of them goes on."""
        for spec in specs:
            self._specs[spec.name] = spec
            self._live.pop(spec.name, None)

    def set_champion(self, published: ModelVersion, reference: Mapping[str, Any]) -> None:
        """A model's champion and its training reference, from now on."""
        if self.knows(published.model):
            if published.champion.version != self.version(published.model):
                for gauge in (metrics.STATISTIC, metrics.THRESHOLD):  # the other version's reference was another
                    gauge.remove_by_labels({"model": published.model})
            self._known[published.model] = (published, reference)
            metrics.WATCHED.labels(published.model).set(published.champion.version)

    def version(self, model: str) -> int:
        """The version that is watched; 0 for none."""
        return self._known[model][0].champion.version if model in self._known else 0

    def apply(self, profile: Profile, now_ms: int, traceparent: str | None = None) -> tuple[list[Outcome], bytes]:
        """Take in a profile, with its trace context; gives what must be written, then the state to `keep`."""
        detector = self._detector(profile.model)
        metrics.JUDGED.labels(profile.model, profile.kind).inc()
        outcomes = detector.apply(profile, now_ms, traceparent)
        for failure, lasts in detector.failing.items():
            metrics.QUIET.labels(profile.model, failure).set(lasts)
        for source, found in detector.measured:
            labels = profile.model, found.detector, found.subject, source
            metrics.STATISTIC.labels(*labels).set(found.statistic)
            metrics.THRESHOLD.labels(*labels).set(found.threshold)
        return outcomes, detector.to_bytes()

    def traces(self, model: str) -> list[bytes]:
        """The trace contexts of the profiles that the newest outcomes of a model rest on."""
        return [context.encode() for context in self._detector(model).last_traces]

    def keep(self, model: str, state: bytes) -> None:
        """Store a model's state: what followed from it is written."""
        self._store[model.encode()] = state
        self._live[model] = (state, self._live[model][1])
        metrics.STATE_BYTES.labels(model).set(len(state))

    def forget(self) -> None:
        """Drop what is in memory: something went wrong after `apply`, and only the store is true."""
        self._live = {}

    def last(self) -> list[Outcome]:
        """The newest outcomes of every stored model."""
        models = [name for name in self._specs if self._store.get(name.encode()) is not None]
        return [outcome for model in models for outcome in self._detector(model).last]

    def _detector(self, model: str) -> Detector:
        stored = self._store.get(model.encode())
        known, detector = self._live.get(model, (b"", None))
        if detector is None or known != stored:
            clean, predictions = (self._topics.name(role, model) for role in ("clean", "predictions"))
            detector = Detector(self._specs[model], clean, stored, predictions)
            self._live[model] = (stored, detector)
            self._reign(model, detector, always=True)
        self._reign(model, detector)
        return detector

    def _reign(self, model: str, detector: Detector, always: bool = False) -> None:
        if model not in self._known:
            return
        published, reference = self._known[model]
        version = published.champion.version
        if always or detector.champion is None or detector.champion.version != version:
            detector.set_champion(published, reference)
            _log.info("watching version %d", version, extra={"model": model, "model_version": f"{model}:{version}"})


def count(outcomes: Iterable[Outcome]) -> None:
    """Metrics and log lines of what was found."""
    for outcome in outcomes:
        if isinstance(outcome, DriftEvent):
            metrics.EVENTS.labels(outcome.model, outcome.kind, outcome.detector, outcome.source or "stream").inc()
            text = "%s: %s of %s is %.3g, beyond %.3g (%s)"
            found = (
                outcome.failure or f"{outcome.kind} drift",
                outcome.detector,
                outcome.subject,
                outcome.statistic,
                outcome.threshold,
                outcome.detail,
            )
            version = f"{outcome.model}:{outcome.version}"
            level = logging.INFO if outcome.kind == "feature" and not outcome.failure else logging.WARNING
            _log.log(level, text, *found, extra={"model": outcome.model, "model_version": version})
        elif isinstance(outcome, RetrainRequest):
            metrics.REQUESTS.labels(outcome.model, outcome.cause).inc()
            _log.warning("asking to retrain for %s", outcome.cause, extra={"model": outcome.model})
        else:
            source = outcome.source or "stream"
            metrics.VERSIONS.used(outcome.model, [outcome.version])
            for name, value in outcome.metrics.items():
                metrics.METRIC.labels(outcome.model, outcome.version, outcome.arm, name, source).set(value)
