"""A silence is told once while it lasts, as an event and a metric, and again when it comes again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prometheus_client import REGISTRY

from tidemill.contracts.topics import TopicCatalog
from tidemill_drift.silences import Silences
from tidemill_learning.drift.quiet.silence import MINUTE_MS, WEEK_MS, Arrived

NOW = 5 * WEEK_MS
ROWS_A_MINUTE = 100


class Logs:
    """A hundred rows a minute on every topic, until it stops."""

    def __init__(self) -> None:
        self.stopped: dict[str, int] = {}

    def of(self, topics: Sequence[str]) -> Arrived:
        def arrived(since: int, until: int) -> int | None:
            ends = [min(until, self.stopped.get(topic, until)) for topic in topics]
            return sum(max(0, end - since) // MINUTE_MS * ROWS_A_MINUTE for end in ends)

        return arrived


def lasts(failure: str) -> float | None:
    return REGISTRY.get_sample_value("tidemill_drift_quiet_failure", {"model": "loan", "failure": failure})


def test_what_stops_is_told_once_with_what_was_usual_and_its_metric_goes_back(root: Path) -> None:
    logs = Logs()
    silences = Silences(["loan"], TopicCatalog.load(root / "schemas", ""), logs.of, lambda model: 7)
    assert silences.look(NOW) == []
    assert (lasts("traffic_stopped"), lasts("labels_stopped")) == (0, 0)
    logs.stopped = {"loan-labels": NOW, "loan-clean": NOW}
    assert silences.look(NOW + 2 * MINUTE_MS) == []
    (event,) = silences.look(NOW + 8 * MINUTE_MS)
    assert (event.failure, event.version, event.kind, event.subject) == ("labels_stopped", 7, "quality", "labels")
    assert "0 came in the last 6 min, where at least 500 did" in event.detail
    assert lasts("labels_stopped") == 1
    assert lasts("traffic_stopped") == 0, "what REST clients ask comes still"
    assert silences.look(NOW + 9 * MINUTE_MS) == []
    again = Silences(["loan"], TopicCatalog.load(root / "schemas", ""), logs.of, lambda model: 7)
    assert [one.event_id for one in again.look(NOW + 9 * MINUTE_MS)] == [event.event_id], "by another process"
    logs.stopped = {}
    assert silences.look(NOW + 60 * MINUTE_MS) == []
    assert lasts("labels_stopped") == 0
