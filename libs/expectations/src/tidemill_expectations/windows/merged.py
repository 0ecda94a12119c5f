"""Windows merged over batches and partitions, and the verdicts on them.

Fed with the data of `quality-reports`, in any order; a report that comes again is not counted again where the
reader drops repeats by `report_id`. Pure and without a clock: the present time is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tidemill.contracts.quantities import milliseconds
from tidemill_expectations.base import Severity
from tidemill_expectations.windows.rules import Verdict, Windowed, WindowRule
from tidemill_expectations.windows.summary import Summary


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule's verdict on one window. Times in ms of event time; `final` once the window can be believed to be
    complete: event time has moved on by another window.
    """

    rule: WindowRule
    start_ms: int
    end_ms: int
    verdict: Verdict
    final: bool

    @property
    def severity(self) -> Severity:
        return self.rule.severity


class MergedWindows:
    """What is known of a model's windows. Keeps at most `most` of each length, the latest."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._windows: dict[int, dict[int, Summary]] = {}
        self.newest_ms: int | None = None

    def add(self, report: Mapping[str, Any]) -> None:
        """Add one report (a datum of schemas/quality-report.avsc; times in ms)."""
        newest = report["newest_event"]
        if newest is not None and (self.newest_ms is None or newest > self.newest_ms):
            self.newest_ms = newest
        for datum in report["windows"]:
            windows = self._windows.setdefault(datum["over_ms"], {})
            windows.setdefault(datum["started_at"], Summary()).merge(Summary.from_datum(datum))
            if len(windows) > self._most:
                del windows[min(windows)]

    def verdicts(self, rules: Iterable[WindowRule]) -> Iterator[Judged]:
        """The verdict of each rule on each of its windows, by rule and time; freshness apart."""
        for rule in rules:
            if isinstance(rule, Windowed) and rule.is_freshness:
                continue
            over = milliseconds(rule.over)
            for start, summary in sorted(self._windows.get(over, {}).items()):
                final = self.newest_ms is not None and self.newest_ms >= start + 2 * over
                yield Judged(rule, start, start + over, rule.judge(summary), final)

    def freshness(self, rules: Iterable[WindowRule], now_ms: int) -> Iterator[Judged]:
        """The verdict of each rule of freshness at the present time."""
        for rule in rules:
            if not isinstance(rule, Windowed) or not rule.is_freshness:
                continue
            verdict = Verdict(None, "no events")
            if self.newest_ms is not None:
                verdict = rule.judge_age(timedelta(milliseconds=max(now_ms - self.newest_ms, 0)))
            yield Judged(rule, self.newest_ms or now_ms, now_ms, verdict, True)

    def summary(self, over_ms: int, start_ms: int) -> Summary | None:
        """What one window held."""
        return self._windows.get(over_ms, {}).get(start_ms)
