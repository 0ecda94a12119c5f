"""Reads quality reports back while the validator runs, and warns or pauses where a window does not hold."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from tidemill.clock import SystemClock
from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.quantities import milliseconds
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import DeadLetter, RetryLater
from tidemill.kafka.client.scan import scan
from tidemill.settings import KafkaSettings
from tidemill_expectations import event_suite
from tidemill_validator import metrics
from tidemill_validator.checks.window_watch import Alarm, WindowWatch
from tidemill_validator.encoded_topic import EncodedTopic

EVERY_S = 5.0
LEAST_HISTORY = timedelta(days=1)
WINDOWS_BACK = 3
"""The newest complete window, and the one after it that shows that it is, lie within so many of the past."""

Pause = Callable[[str, str, int], None]
"""Model, reason, and the broker's time in ms of what gave rise to it: a pause that a person lifted after that stays
lifted."""

_log = logging.getLogger(__name__)


class QualityWatch:
    """One thread that follows `quality-reports` for models with expectations by window."""

    def __init__(
        self,
        settings: KafkaSettings,
        reports: EncodedTopic,
        watches: Sequence[WindowWatch],
        *,
        pause: Pause,
        now_ms: Callable[[], int],
        longest: timedelta,
    ) -> None:
        """`longest`: the longest window of all."""
        self._settings, self._read = settings, reports
        self._watches, self._pause, self._now_ms = watches, pause, now_ms
        self._history = max(LEAST_HISTORY, WINDOWS_BACK * longest)
        self._next: dict[int, int] = {}
        self._stale: set[tuple[str, str]] = set()
        self._untold: list[Alarm] = []

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set; brokers that are away are waited for."""
        while not stop.is_set():
            try:
                self.look()
            except RetryLater as error:
                _log.info("quality reports cannot be read now: %s", error)
            stop.wait(EVERY_S)

    def look(self) -> None:
        """Read what is new and tell what follows from it. Raises RetryLater without brokers."""
        reports = list(self._reports())
        for watch in self._watches:
            self._untold.extend(watch.add(reports))
        while self._untold:  # one that could not be told for want of brokers is told the next time
            self._tell(self._untold[0])
            self._untold.pop(0)
        for watch in self._watches:
            self._tell_ages(watch)
            for (name, column), broken in watch.broken().items():
                metrics.WINDOW_BROKEN.labels(watch.model, name, column).set(broken)

    def _reports(self) -> Iterator[dict[str, Any]]:
        since = None if self._next else self._now_ms() - milliseconds(self._history)
        for batch in scan(self._settings, self._read.name, start=self._next or None, since_ms=since):
            for partition, offset, value in zip(batch.partitions, batch.offsets, batch.values, strict=True):
                self._next[partition] = offset + 1
                try:
                    yield self._read.decode(value)
                except DeadLetter as error:
                    _log.error("a record on %s is no quality report: %s", self._read.name, error.reason)

    def _tell(self, alarm: Alarm) -> None:
        severity = alarm.judged.severity
        extra = {"model": alarm.model, "expectation": alarm.judged.rule.name, "window_start_ms": alarm.judged.start_ms}
        if severity == "info":
            _log.info("%s: %s", alarm.model, alarm.text, extra=extra)
            return
        _log.warning("%s: %s", alarm.model, alarm.text, extra=extra)
        if severity == "critical":
            self._pause(alarm.model, alarm.text, alarm.at_ms)

    def _tell_ages(self, watch: WindowWatch) -> None:
        """Stale data are told once, until they are fresh again; there is nothing to pause where nothing comes."""
        for judged in watch.ages(self._now_ms()):
            key = (watch.model, judged.rule.arguments)
            if judged.verdict.holds is False and key not in self._stale:
                self._stale.add(key)
                text = Alarm(watch.model, judged, self._now_ms()).text
                _log.warning("%s: %s", watch.model, text, extra={"model": watch.model})
            elif judged.verdict.holds:
                self._stale.discard(key)


def start_watch(
    settings: KafkaSettings,
    models: Iterable[ModelSpec],
    topics: TopicCatalog,
    schemas: SchemaCatalog,
    codec: Codec,
    pause: Pause,
    stop: threading.Event,
) -> threading.Thread | None:
    """Follow quality reports in a thread of its own until `stop` is set; None where no model has an expectation by
    window. `codec`: for that thread alone.
    """
    rules = {spec.name: event_suite(spec).windows for spec in models}
    watches = [WindowWatch(model, topics.name("raw", model), own) for model, own in rules.items() if own]
    if not watches:
        return None
    watch = QualityWatch(
        settings,
        EncodedTopic(name=topics.name("quality_reports"), schema=schemas.platform("quality-report"), codec=codec),
        watches,
        pause=pause,
        now_ms=SystemClock().now_ms,
        longest=max(rule.over for own in rules.values() for rule in own),
    )
    thread = threading.Thread(target=watch.run, args=(stop,), name="quality-watch", daemon=True)
    thread.start()
    return thread
