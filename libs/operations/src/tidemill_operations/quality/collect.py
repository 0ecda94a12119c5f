"""Quality reports of one model, read back and added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tidemill_expectations import Suite
from tidemill_expectations.windows.merged import Judged, MergedWindows
from tidemill_operations.standing.label_counts import LabelsMet

EXAMPLES = 3
Rule: TypeAlias = tuple[str, str, str]
"""Name, column and arguments of an expectation."""


@dataclass(slots=True)
class Count:
    """How often one expectation was not met. `examples`: (partition, offset), the newest ones known. `over_time`:
    (ms of the broker's time, failed).
    """

    name: str
    column: str
    arguments: str
    severity: str
    failed: int = 0
    examples: list[tuple[int, int]] = field(default_factory=list)
    over_time: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class TopicQuality:
    """One raw topic: how many rows came, and what was wrong with them. `over_time`: (ms of the broker's time, rows,
    dead) of each report.
    """

    topic: str
    rows: int = 0
    clean: int = 0
    dead: int = 0
    counts: dict[Rule, Count] = field(default_factory=dict)
    over_time: list[tuple[int, int, int]] = field(default_factory=list)

    def expect(self, suite: Suite) -> None:
        """Name every expectation of a suite, so that those that were always met are told too."""
        for rule in (*suite.expectations, *suite.uniques):
            key = (rule.name, rule.subject, rule.arguments)
            self.counts.setdefault(key, Count(*key, rule.severity))

    def add(self, report: Mapping[str, Any]) -> None:
        """Add one report."""
        self.rows += report["rows"]
        self.clean += report["clean"]
        self.dead += report["dead"]
        self.over_time.append((report["at"], report["rows"], report["dead"]))
        for result in report["expectations"]:
            key = (result["expectation"], result["column"], result["arguments"])
            count = self.counts.setdefault(key, Count(*key, result["severity"]))
            count.failed += result["failed"]
            count.over_time.append((report["at"], result["failed"]))
            newest = [(report["partition"], offset) for offset in result["examples"]]
            count.examples = [*count.examples, *newest][-EXAMPLES:]

    def ordered(self) -> list[Count]:
        """Those that failed most first; then as the model file has them."""
        return sorted(self.counts.values(), key=lambda count: -count.failed)


@dataclass(slots=True)
class Quality:
    """All that a report tells of one model. `met`: its labels, and those that are about no event."""

    model: str
    events: TopicQuality
    labels: TopicQuality
    windows: MergedWindows
    judged: list[Judged]
    fresh: list[Judged]
    met: LabelsMet = field(default_factory=LabelsMet)

    @property
    def first_ms(self) -> int | None:
        """The broker's time of the earliest report; None where there is none."""
        return min((at for topic in self.topics for at, _, _ in topic.over_time), default=None)

    @property
    def last_ms(self) -> int | None:
        """The broker's time of the latest report."""
        return max((at for topic in self.topics for at, _, _ in topic.over_time), default=None)

    @property
    def topics(self) -> Sequence[TopicQuality]:
        return (self.events, self.labels)

    @property
    def broken(self) -> list[Judged]:
        """Windows that are complete and in which an expectation does not hold, by rule and time."""
        return [j for j in (*self.judged, *self.fresh) if j.final and j.verdict.holds is False]


def collect(model: str, suites: Mapping[str, Suite], reports: Iterable[Mapping[str, Any]], now_ms: int) -> Quality:
    """Add up the reports of a model. `suites`: by full name of the raw topic, events first. A report that comes
    twice counts once.
    """
    (events, labels) = (TopicQuality(topic) for topic in suites)
    by_topic = {events.topic: events, labels.topic: labels}
    for topic, suite in suites.items():
        by_topic[topic].expect(suite)
    windows = MergedWindows()
    known: set[str] = set()
    for report in reports:
        if report["model"] != model or report["topic"] not in by_topic or report["report_id"] in known:
            continue
        known.add(report["report_id"])
        by_topic[report["topic"]].add(report)
        if report["topic"] == events.topic:
            windows.add(report)
    rules = suites[events.topic].windows
    judged = list(windows.verdicts(rules))
    return Quality(model, events, labels, windows, judged, list(windows.freshness(rules, now_ms)))
