"""What detectors found, as the platform's events: drift events, performance, retrain requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidemill.contracts.events.platform import DriftEvent, Evidence, Failure, ModelPerformance, RetrainRequest
from tidemill.contracts.events.profiles import ErrorProfile
from tidemill.ids import deterministic_id
from tidemill_learning.drift.detection.evidence import Track, by_version, extent
from tidemill_learning.drift.detection.ordering import Item
from tidemill_learning.drift.detection.quality import Totals
from tidemill_learning.drift.detection.shift_detectors import DetectorResult
from tidemill_learning.drift.quiet.watch import Quiet

REQUESTED_BY = "drift"

CAUSES: Mapping[str, Any] = {"predictions": "prediction", "features": "drift"}
"""Of a retraining, by the kind of profiles that asks for it."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Speaks of one version. Ids follow from model, version, epoch and window: a repeat is the same event."""

    model: str
    version: int
    epoch: int

    def performance(
        self, track: Track, task: str, reference: Mapping[str, float], errors: Sequence[ErrorProfile],
        group: Sequence[Item], window: int,
    ) -> list[ModelPerformance]:  # fmt: skip
        """How well each version and arm answered in a window; `reference`: the watched version's own metrics."""
        measured = []
        for (version, arm), found in by_version(errors).items():
            totals = Totals(found)
            measured.append(
                ModelPerformance(
                    performance_id=self._id("performance", version, arm, window, *track.id_parts),
                    model=self.model,
                    version=version,
                    arm=arm,  # type: ignore[arg-type]
                    window=window,
                    labels=totals.count,
                    metrics=totals.metrics(task),
                    reference=reference if version == self.version else {},
                    **extent(group),
                    source=track.source,
                )
            )
        return measured

    def event(self, track: Track, result: DetectorResult, group: Sequence[Item], window: int) -> DriftEvent:
        """What a detector found in a window."""
        named = ("drift", result.kind, result.detector, result.subject, window)
        return self._event(track, result, group, window, named, None)

    def failure(self, track: Track, found: Quiet, item: Item) -> DriftEvent:
        """A quiet failure that a profile shows; `item`: where that lies."""
        result, window = found.result, item["window"]
        named = ("quiet", found.failure, result.detector, result.subject, result.detail, item["partition"], window)
        return self._event(track, result, [item], window, named, found.failure)

    def _event(
        self, track: Track, result: DetectorResult, group: Sequence[Item], window: int, named: Sequence[str | int],
        failure: Failure | None,
    ) -> DriftEvent:  # fmt: skip
        return DriftEvent(
            event_id=self._id(*named, *track.id_parts),
            model=self.model,
            version=self.version,
            kind=result.kind,
            detector=result.detector,
            subject=result.subject,
            statistic=result.statistic,
            threshold=result.threshold,
            window=window,
            records=result.records,
            detail=track.said(result.detail),
            **extent(group),
            source=track.source,
            failure=failure,
        )

    def request(
        self, track: Track, evidence: Sequence[Evidence], group: Sequence[Item], window: int, now_ms: int
    ) -> RetrainRequest:
        """The request to retrain that follows from a window."""
        cause = CAUSES[track.kind]
        request_id = self._id("retrain", cause, window, *track.id_parts)
        return RetrainRequest(
            request_id=request_id,
            model=self.model,
            cause=cause,
            evidence=tuple(evidence),
            fingerprint=request_id,
            requested_by=REQUESTED_BY,
            requested_at=now_ms,
            event_time=max(item["ended_at"] for item in group),
        )

    def _id(self, *parts: str | int) -> str:
        return deterministic_id(self.model, self.version, self.epoch, *parts)
