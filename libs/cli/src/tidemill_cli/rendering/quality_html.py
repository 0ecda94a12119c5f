"""The report as one page of HTML that needs nothing else: style and charts stand in it, and no script.

What the page says is gathered here; how it looks stands in `page.html.j2`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidemill.contracts.quantities import milliseconds
from tidemill_cli.rendering.pages import filled
from tidemill_cli.rendering.quality_charts import Point, bars, binned, line
from tidemill_cli.rendering.quality_table import by_rule, moment
from tidemill_expectations import Windowed
from tidemill_expectations.windows.merged import Judged
from tidemill_expectations.windows.rules import STATISTICS
from tidemill_operations.quality.collect import Count, Quality, TopicQuality
from tidemill_operations.quality.reading import Example

NEWEST_WINDOWS = 120
SHOWN_BROKEN = 8
EXACT_MS = 3_600_000
BARS = {"critical": "bad", "warning": "warn", "info": "warn"}

Examples = Mapping[tuple[str, str, str, str], Sequence[Example]]
"""By topic, and an expectation's name, column and arguments."""


def page(quality: Quality, examples: Examples, private: Mapping[str, str]) -> str:
    """The whole page. `private`: fields under a privacy rule, and which."""
    shown = [topic for topic in quality.topics if topic.rows or topic is quality.events]
    return filled(
        "page.html.j2",
        model=quality.model,
        span=_span(quality),
        ends=_ends(quality.first_ms or 0, quality.last_ms or 0),
        tiles=_tiles(quality),
        windows=_windows(quality),
        topics=[_topic(topic, quality, examples) for topic in shown],
        private=private,
    )


def _span(quality: Quality) -> str:
    if quality.first_ms is None or quality.last_ms is None:
        return "There are no quality reports yet."
    first, last = _ends(quality.first_ms, quality.last_ms)
    return f"Validated from {first} to {last} UTC."


def _ends(first_ms: float, last_ms: float) -> tuple[str, str]:
    """Both ends of a time; to the second where minutes would not tell them apart."""
    exact = last_ms - first_ms < EXACT_MS
    return moment(first_ms, exact), moment(last_ms, exact)


def _tiles(quality: Quality) -> list[tuple[str, str, str]]:
    events, labels = quality.topics
    rows, dead = events.rows + labels.rows, events.dead + labels.dead
    broken = len(quality.broken)
    return [
        (f"{events.rows:,}", "events", ""),
        (f"{labels.rows:,}", "labels", ""),
        (f"{dead:,}", "set aside", "bad" if dead else "good"),
        (f"{(rows - dead) / rows:.2%}" if rows else "none", "clean", ""),
        (f"{broken:,}", "windows outside bounds", "bad" if broken else "good"),
        (f"{quality.met.orphans:,}", "labels without an event", "bad" if quality.met.orphans else "good"),
    ]


def _windows(quality: Quality) -> list[dict[str, Any]]:
    groups = by_rule((*quality.judged, *quality.fresh))
    groups.sort(key=lambda judged: -sum(j.final and j.verdict.holds is False for j in judged))
    return [_rule_card(quality, judged) for judged in groups]


def _rule_card(quality: Quality, judged: list[Judged]) -> dict[str, Any]:
    rule, newest = judged[0].rule, judged[-1]
    complete = [j for j in judged if j.final and j.verdict.holds is not None]
    broken = [j for j in complete if j.verdict.holds is False]
    told = f"{len(broken):,} of {len(complete):,} windows outside"
    kind: str = rule.severity if broken else "holds"
    if not complete:
        empty = sum(j.final for j in judged)
        told, kind = f"no values in {empty:,} windows" if empty else "no complete window yet", "soft"
    shown = judged[-NEWEST_WINDOWS:]
    return {
        "name": rule.name,
        "kind": kind,
        "told": told,
        "subject": rule.subject,
        "arguments": rule.arguments,
        "severity": rule.severity,
        "chart": _trend(quality, shown),
        "ends": _ends(shown[0].start_ms, shown[-1].start_ms),
        "latest": newest.verdict.observed + ("" if newest.final else " (not complete yet)"),
        "broken": [(moment(j.start_ms), j.verdict.observed) for j in reversed(broken[-SHOWN_BROKEN:])],
    }


def _trend(quality: Quality, judged: list[Judged]) -> str:
    rule = judged[0].rule
    arguments: dict[str, Any] = dict(rule.kwargs) if isinstance(rule, Windowed) else {"min_value": rule.mostly}
    points = [Point(_measured(quality, j), j.verdict.holds if j.final else None, _title(j)) for j in judged]
    exact = arguments.get("value")
    low, high = (exact, exact) if exact is not None else (arguments.get(k) for k in ("min_value", "max_value"))
    if "quantile_ranges" in arguments:
        low, high = arguments["quantile_ranges"][0][1]
    return line(points, low, high)


def _measured(quality: Quality, judged: Judged) -> float | None:
    rule = judged.rule
    summary = quality.windows.summary(milliseconds(rule.over), judged.start_ms)
    if summary is None:
        return None
    if not isinstance(rule, Windowed):
        checked, failed = summary.mostly.get(rule.key, (0, 0))
        return 1 - failed / checked if checked else None
    if rule.name.startswith("expect_table_row_count"):
        return float(summary.rows)
    column = summary.columns.get(rule.column)
    if column is None:
        return None
    if "quantile_ranges" in dict(rule.kwargs):
        return column.quantile(dict(rule.kwargs)["quantile_ranges"][0][0])
    statistic = STATISTICS.get(rule.name)
    return None if statistic is None else statistic(column)


def _title(judged: Judged) -> str:
    return f"{moment(judged.start_ms)}: {judged.verdict.observed}{'' if judged.final else ' (not complete yet)'}"


def _topic(topic: TopicQuality, quality: Quality, examples: Examples) -> dict[str, Any]:
    met = [count for count in topic.ordered() if not count.failed]
    return {
        "name": topic.topic,
        "volume": _volume(topic, quality),
        "failed": [_count_card(topic, count, quality, examples) for count in topic.ordered() if count.failed],
        "met": [(count.name.removeprefix("expect_"), ", ".join(filter(None, [count.column, count.arguments])))
                for count in met],
    }  # fmt: skip


def _volume(topic: TopicQuality, quality: Quality) -> dict[str, str] | None:
    if quality.first_ms is None or quality.last_ms is None:
        return None
    rows = binned([(at, count) for at, count, _ in topic.over_time], quality.first_ms, quality.last_ms)
    dead = binned([(at, count) for at, _, count in topic.over_time], quality.first_ms, quality.last_ms)
    titles = [f"{count:,.0f} rows, {bad:,.0f} set aside" for count, bad in zip(rows, dead, strict=True)]
    told = f"{topic.rows:,} rows, {topic.dead:,} set aside"
    return {"told": told, "chart": bars(rows, titles, "rows", dead)}


def _count_card(topic: TopicQuality, count: Count, quality: Quality, examples: Examples) -> dict[str, Any]:
    assert quality.first_ms is not None and quality.last_ms is not None
    over_time = binned(count.over_time, quality.first_ms, quality.last_ms)
    return {
        "name": count.name,
        "severity": count.severity,
        "column": count.column,
        "arguments": count.arguments,
        "share": f"{count.failed:,} ({count.failed / topic.rows:.3%})" if topic.rows else f"{count.failed:,}",
        "chart": bars(over_time, [f"{failed:,.0f}" for failed in over_time], BARS[count.severity]),
        "examples": examples.get((topic.topic, count.name, count.column, count.arguments), ()),
    }
