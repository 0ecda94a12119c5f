"""Whether events and labels of models still come, by the wall clock. Knows no Kafka client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tidemill.contracts.events.platform import DriftEvent, DriftKind, Failure
from tidemill.contracts.topics import TopicCatalog
from tidemill.ids import deterministic_id
from tidemill_drift import metrics
from tidemill_learning.drift.quiet.silence import MINUTE_MS, STOPPED, Arrived, Silence, silence

Arrivals = Callable[[Sequence[str]], Arrived]
"""How many records came to some topics together, as far as their logs go back."""

DETECTOR = "silence"


@dataclass(frozen=True, slots=True)
class Watched:
    """What may stop: rows of these roles together. What REST clients ask stands on predictions alone."""

    failure: Failure
    subject: str
    kind: DriftKind
    roles: tuple[str, ...]


WATCHED = (
    Watched("traffic_stopped", "events", "feature", ("clean", "predictions")),
    Watched("labels_stopped", "labels", "quality", ("labels",)),
)


class Silences:
    """All models' silences. `version`: the one that is watched, 0 for none. An event is told once while it lasts; ids
    follow from where the logs end, so another process tells of the same silence by the same id.
    """

    def __init__(
        self, models: Iterable[str], topics: TopicCatalog, arrivals: Arrivals, version: Callable[[str], int]
    ) -> None:
        self._models = list(models)
        self._topics = topics
        self._arrivals = arrivals
        self._version = version
        self._lasting: set[tuple[str, str]] = set()

    def take_up(self, models: Iterable[str]) -> None:
        """Tell of these, too."""
        self._models = list(dict.fromkeys([*self._models, *models]))

    def look(self, now_ms: int) -> list[DriftEvent]:
        """What has fallen silent since the last look. Raises RetryLater without brokers."""
        now = now_ms // MINUTE_MS * MINUTE_MS  # the same times again, so that answers are
        events = []
        for model in self._models:
            for watched in WATCHED:
                arrived = self._arrivals([self._topics.name(role, model) for role in watched.roles])
                found = silence(now, arrived)
                metrics.QUIET.labels(model, watched.failure).set(found is not None)
                key = (model, watched.failure)
                if found is None:
                    self._lasting.discard(key)
                elif key not in self._lasting:
                    self._lasting.add(key)
                    events.append(self._event(model, watched, found, arrived(0, now) or 0))
        return events

    def _event(self, model: str, watched: Watched, found: Silence, end: int) -> DriftEvent:
        return DriftEvent(
            event_id=deterministic_id(model, "quiet", watched.failure, end), model=model, version=self._version(model),
            kind=watched.kind, detector=DETECTOR, subject=watched.subject, statistic=1 - found.seen / found.expected,
            threshold=1 - STOPPED, window=0, records=found.seen, started_at=found.since, ended_at=found.until,
            offsets=(), detail=found.detail, failure=watched.failure,
        )  # fmt: skip
