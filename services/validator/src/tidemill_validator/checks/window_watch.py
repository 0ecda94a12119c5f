"""What is told when a window of event time has closed and an expectation does not hold. Pure: reports in, alarms out.

A validator sees its own partitions only, so the verdict is made on quality reports, which all validators write:
each of them reads all of them back and comes to the same verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tidemill_expectations import WindowRule
from tidemill_expectations.windows.merged import Judged, MergedWindows

KEPT_WINDOWS = 64
"""Of each length: enough for late records, and bounded."""

Told = tuple[str, str, str, float]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A complete window in which an expectation does not hold. `at_ms`: the broker's time of the report that showed
    that it was complete: every reader gets the same.
    """

    model: str
    judged: Judged
    at_ms: int

    @property
    def text(self) -> str:
        """What is wrong, in one sentence."""
        rule, verdict = self.judged.rule, self.judged.verdict
        named = ", ".join(filter(None, [rule.subject, rule.arguments]))
        return f"{rule.name} ({named}) does not hold: {verdict.observed}"


class WindowWatch:
    """Follows one model's reports and says each verdict once."""

    def __init__(self, model: str, topic: str, rules: Iterable[WindowRule]) -> None:
        """`topic`: the raw topic of the model's events, full name."""
        self.model = model
        self._topic = topic
        self._rules = tuple(rules)
        self._windows = MergedWindows(KEPT_WINDOWS)
        self._told: dict[Told, int] = {}
        self.holds: dict[tuple[str, str, str], bool] = {}

    def add(self, reports: Iterable[Mapping[str, Any]]) -> list[Alarm]:
        """The alarms that these reports give rise to. A window is told once, the newest of each rule; `holds` has
        the last verdict of each rule by name, subject and arguments."""
        at_ms = 0
        for report in reports:
            if report["model"] == self.model and report["topic"] == self._topic:
                self._windows.add(report)
                at_ms = max(at_ms, report["at"])
        return [Alarm(self.model, judged, at_ms) for judged in self._news() if judged.verdict.holds is False]

    def ages(self, now_ms: int) -> list[Judged]:
        """The verdicts on freshness at the present time."""
        found = list(self._windows.freshness(self._rules, now_ms))
        for judged in found:
            if judged.verdict.holds is not None:
                self.holds[_key(judged)] = judged.verdict.holds
        return found

    def broken(self) -> dict[tuple[str, str], bool]:
        """By name and subject: whether any of its rules (two quantiles of one column, say) does not hold now."""
        found: dict[tuple[str, str], bool] = {}
        for (name, subject, _), holds in self.holds.items():
            found[name, subject] = found.get((name, subject), False) or not holds
        return found

    def _news(self) -> list[Judged]:
        newest: dict[Told, Judged] = {}
        for judged in self._windows.verdicts(self._rules):
            told = (*_key(judged), judged.rule.over.total_seconds())
            if judged.final and judged.verdict.holds is not None and judged.start_ms > self._told.get(told, -(2**63)):
                newest[told] = judged
        for told, judged in newest.items():
            self._told[told] = judged.start_ms
            self.holds[_key(judged)] = bool(judged.verdict.holds)
        return list(newest.values())


def _key(judged: Judged) -> tuple[str, str, str]:
    return judged.rule.name, judged.rule.subject, judged.rule.arguments
