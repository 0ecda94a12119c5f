"""What the platform says of itself while the demo runs: its topics followed, its metrics read, its lag
measured.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tidemill.contracts.model_file import ModelSpec
from tidemill.errors import RetryLater
from tidemill_flights.feed.background import Background
from tidemill_flights.feed.sim_clock import pace_for
from tidemill_operations.feed import Feed, News, identity, model_of
from tidemill_operations.platform import PlatformView
from tidemill_operations.standing.groups import STREAM, VALIDATOR
from tidemill_operations.standing.lag import Offsets
from tidemill_operations.standing.scrape import scrape, total

EVERY_S = 0.5
ROLES = (
    "drift_events", "retrain_requests", "retrain_runs", "model_versions", "model_releases",
    "model_performance",
)  # fmt: skip
# Full speed while the platform is less than about four seconds behind; a stop at twenty.
COMFORTABLE_BACKLOG = 15_000
MOST_BACKLOG = 75_000
RATE_OVER_S = 2.0
PATIENCE_S = 60.0
VALIDATED = "tidemill_validator_records_total"
PREDICTED = "model_predictions_total"


@dataclass(slots=True)
class LiveState:
    """The newest of everything; counts of clean, dead and predicted come from the logs' ends and are close,
    not exact.
    """

    clean: int = 0
    dead: int = 0
    predictions: int = 0
    predictions_per_s: float = 0.0
    backlog: int = 0
    validator_lag: int = 0
    stream_lag: int = 0
    news: list[News] = field(default_factory=list)
    performance: dict[str, Any] | None = None
    serving: dict[str, Any] | None = None
    failure: BaseException | None = None

    def of(self, role: str) -> list[dict[str, Any]]:
        """The records of one role so far, repeats dropped."""
        return [item.datum for item in self.news if item.role == role]

    def open_runs(self) -> set[str]:
        """Runs that were accepted or started and have not ended."""
        last = {run["run_id"]: run["state"] for run in self.of("retrain_runs")}
        return {run_id for run_id, state in last.items() if state in ("accepted", "started")}

    def unanswered(self) -> set[str]:
        """Requests that no run has answered yet, not even by a refusal."""
        answered = {run["request_id"] for run in self.of("retrain_runs")}
        return {request["request_id"] for request in self.of("retrain_requests")} - answered

    def unreleased(self) -> set[int]:
        """Versions that a run has finished and that no release has decided on; undecided ones wait for labels."""
        finished = [run for run in self.of("retrain_runs") if run["state"] == "finished" and run["version"]]
        made = {run["version"] for run in finished if run.get("outcome") != "undecided"}
        decided = {release["published"]["champion"]["version"] for release in self.of("model_releases")}
        newest = max(decided, default=0)
        return {version for version in made if version > newest}


class Observer(Background):
    """Follows one model of a platform in a thread of its own; `state` is what it has seen."""

    def __init__(self, view: PlatformView, spec: ModelSpec, addresses: Mapping[str, str]) -> None:
        super().__init__("observer")
        self.state = LiveState()
        self.changed = threading.Event()
        self._view = view
        self._model = spec.name
        self._addresses = addresses
        self._counters = {name: Cumulative() for name in ("clean", "dead", "predictions")}
        self._seen: set[Any] = set()
        self._last: tuple[float, int] = (time.monotonic(), 0)
        self._answered = time.monotonic()

    def pace(self) -> float:
        """How fast the stream may go by the backlog: 0 to 1."""
        return pace_for(self.state.backlog, COMFORTABLE_BACKLOG, MOST_BACKLOG)

    def _run(self) -> None:
        view = self._view
        try:
            feed = Feed(view.settings, view.topics, view.schemas, view.new_codec(), ROLES)
            offsets = Offsets(view.settings)
            while True:
                last = self._stop.is_set()
                self._take(feed.poll(EVERY_S))
                self._measure_if_possible(offsets)
                if last:
                    break
            feed.close()
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self.state.failure = error

    def _take(self, found: list[News]) -> None:
        for item in found:
            key = (item.role, identity(item))
            if model_of(item.datum) != self._model or key in self._seen:
                continue
            self._seen.add(key)
            if item.role == "model_versions":
                self.state.serving = item.datum
            if item.role == "model_performance" and item.datum["source"] != "rest":
                self.state.performance = item.datum
            self.state.news = [*self.state.news, item]

    def _measure_if_possible(self, offsets: Offsets) -> None:
        """A busy broker may leave a question unanswered: that is no failure, unless it goes on."""
        from confluent_kafka import KafkaException

        try:
            self._measure(offsets)
            self._answered = time.monotonic()
        except (KafkaException, RetryLater):
            if time.monotonic() - self._answered > PATIENCE_S:
                raise

    def _measure(self, offsets: Offsets) -> None:
        topics, state = self._view.topics, self.state
        names = topics.model_topics(self._model)
        ends = offsets.ends(list(names.values()))
        validated = offsets.committed(topics.group(VALIDATOR))
        predicted = offsets.committed(topics.group(STREAM))
        inputs = {names["raw"], names["labels_raw"]}
        state.validator_lag = sum(end - validated.get(at, 0) for at, end in ends.items() if at[0] in inputs)
        state.stream_lag = sum(end - predicted[at] for at, end in ends.items() if at in predicted)
        state.backlog = state.validator_lag + state.stream_lag
        self._count()

    def _count(self) -> None:
        """Counts for people to look at, by the services' own metrics; the proof is the topics."""
        state, counters = self.state, self._counters
        validator, stream = (scrape({"url": self._addresses.get(name)}) for name in ("validator", "stream"))
        for outcome in ("clean", "dead"):
            if validator:
                judged = total(validator, VALIDATED, model=self._model, role="raw", outcome=outcome)
                counters[outcome].take(judged)
        if stream:
            counters["predictions"].take(total(stream, PREDICTED, model=self._model, source="stream"))
        state.clean, state.dead = counters["clean"].value, counters["dead"].value
        state.predictions = counters["predictions"].value
        now, (before, count) = time.monotonic(), self._last
        if now - before >= RATE_OVER_S:
            state.predictions_per_s = (state.predictions - count) / (now - before)
            self._last = (now, state.predictions)


class Cumulative:
    """A counter of a process that may be started again: what it counted before is kept."""

    def __init__(self) -> None:
        self._before = 0.0
        self._now = 0.0

    def take(self, value: float) -> None:
        """The process's count as it is now; a smaller one than before means a new process (0: it did not
        answer).
        """
        if value < self._now:
            self._before += self._now
        self._now = value

    @property
    def value(self) -> int:
        """All that was counted."""
        return round(self._before + self._now)


def day(ms: float) -> str:
    """A simulated moment as a date."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%Y-%m-%d")
