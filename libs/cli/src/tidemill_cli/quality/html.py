"""The report as one page of HTML that needs nothing else: style and charts stand in it, and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from tidemill_cli.quality.charts import Point, bars, binned, line
from tidemill_cli.quality.collect import Count, Quality, TopicQuality
from tidemill_cli.quality.reading import Example
from tidemill_cli.quality.table import by_rule, moment
from tidemill_expectations import Windowed
from tidemill_expectations.merged import Judged
from tidemill_expectations.window import STATISTICS

NEWEST_WINDOWS = 120
SHOWN_BROKEN = 8
EXACT_MS = 3_600_000
BARS = {"critical": "bad", "warning": "warn", "info": "warn"}

Examples = Mapping[tuple[str, str, str, str], Sequence[Example]]
"""By topic, and an expectation's name, column and arguments."""


def page(quality: Quality, examples: Examples, private: Mapping[str, str]) -> str:
    """The whole page. `private`: fields under a privacy rule, and which."""
    style = files("tidemill_cli.quality").joinpath("page.css").read_text(encoding="utf-8")
    body = "".join(
        [
            _head(quality),
            _tiles(quality),
            _windows(quality),
            *(_topic(topic, quality, examples) for topic in quality.topics if topic.rows or topic is quality.events),
            _privacy(private),
        ]
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Data quality of {escape(quality.model)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _head(quality: Quality) -> str:
    if quality.first_ms is None or quality.last_ms is None:
        span = "There are no quality reports yet."
    else:
        exact = quality.last_ms - quality.first_ms < EXACT_MS
        span = f"Validated from {moment(quality.first_ms, exact)} to {moment(quality.last_ms, exact)} UTC."
    return f'<h1>Data quality of {escape(quality.model)}</h1><p class="soft">{span}</p>'


def _tiles(quality: Quality) -> str:
    events, labels = quality.topics
    rows, dead = events.rows + labels.rows, events.dead + labels.dead
    broken = len(quality.broken)
    tiles = [
        (f"{events.rows:,}", "events", ""),
        (f"{labels.rows:,}", "labels", ""),
        (f"{dead:,}", "set aside", "bad" if dead else "good"),
        (f"{(rows - dead) / rows:.2%}" if rows else "none", "clean", ""),
        (f"{broken:,}", "windows outside bounds", "bad" if broken else "good"),
    ]
    drawn = (f'<div class="tile {kind}"><b>{value}</b><span>{name}</span></div>' for value, name, kind in tiles)
    return f'<section class="tiles">{"".join(drawn)}</section>'


def _windows(quality: Quality) -> str:
    groups = by_rule((*quality.judged, *quality.fresh))
    if not groups:
        return ""
    groups.sort(key=lambda judged: -sum(j.final and j.verdict.holds is False for j in judged))
    return "<h2>By window of event time</h2>" + "".join(_rule_card(quality, judged) for judged in groups)


def _rule_card(quality: Quality, judged: list[Judged]) -> str:
    rule = judged[0].rule
    complete = [j for j in judged if j.final and j.verdict.holds is not None]
    broken = [j for j in complete if j.verdict.holds is False]
    told = f"{len(broken):,} of {len(complete):,} windows outside"
    kind: str = rule.severity if broken else "holds"
    if not complete:
        empty = sum(j.final for j in judged)
        told, kind = f"no values in {empty:,} windows" if empty else "no complete window yet", "soft"
    chart = _trend(quality, judged[-NEWEST_WINDOWS:])
    listed = "".join(
        f"<tr><td>{moment(j.start_ms)}</td><td>{escape(j.verdict.observed)}</td></tr>"
        for j in reversed(broken[-SHOWN_BROKEN:])
    )
    table = _details(f"latest windows outside ({min(len(broken), SHOWN_BROKEN)})", ("window from", "observed"), listed)
    return (
        f'<article class="card"><header><h3>{escape(rule.name)}</h3>'
        f'<span class="count {kind}">{told}</span></header>'
        f"{_about(rule.subject, rule.arguments, rule.severity)}{chart}"
        f'<p class="soft">latest: {escape(judged[-1].verdict.observed)}'
        f"{'' if judged[-1].final else ' (not complete yet)'}</p>{table}</article>"
    )


def _trend(quality: Quality, judged: list[Judged]) -> str:
    rule = judged[0].rule
    arguments: dict[str, Any] = dict(rule.kwargs) if isinstance(rule, Windowed) else {"min_value": rule.mostly}
    points = [Point(_measured(quality, j), j.verdict.holds if j.final else None, _title(j)) for j in judged]
    exact = arguments.get("value")
    low, high = (exact, exact) if exact is not None else (arguments.get(k) for k in ("min_value", "max_value"))
    if "quantile_ranges" in arguments:
        low, high = arguments["quantile_ranges"][0][1]
    drawn = line(points, low, high)
    if not drawn:
        return ""
    return f"{drawn}{_axis(judged[0].start_ms, judged[-1].start_ms)}"


def _measured(quality: Quality, judged: Judged) -> float | None:
    rule = judged.rule
    summary = quality.windows.summary(int(rule.over.total_seconds() * 1000), judged.start_ms)
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


def _topic(topic: TopicQuality, quality: Quality, examples: Examples) -> str:
    failed = [count for count in topic.ordered() if count.failed]
    met = [count for count in topic.ordered() if not count.failed]
    cards = "".join(_count_card(topic, count, quality, examples) for count in failed)
    return (
        f"<h2>{escape(topic.topic)}</h2>{_volume(topic, quality)}{cards or '<p>Every expectation was met.</p>'}"
        f"{_met(met)}"
    )


def _volume(topic: TopicQuality, quality: Quality) -> str:
    if quality.first_ms is None or quality.last_ms is None:
        return ""
    rows = binned([(at, count) for at, count, _ in topic.over_time], quality.first_ms, quality.last_ms)
    dead = binned([(at, count) for at, _, count in topic.over_time], quality.first_ms, quality.last_ms)
    titles = [f"{count:,.0f} rows, {bad:,.0f} set aside" for count, bad in zip(rows, dead, strict=True)]
    return (
        f'<div class="card"><header><h3>rows</h3><span class="count">{topic.rows:,} rows, {topic.dead:,} set aside'
        f"</span></header>{bars(rows, titles, 'rows', dead)}{_axis(quality.first_ms, quality.last_ms)}</div>"
    )


def _count_card(topic: TopicQuality, count: Count, quality: Quality, examples: Examples) -> str:
    assert quality.first_ms is not None and quality.last_ms is not None
    over_time = binned(count.over_time, quality.first_ms, quality.last_ms)
    share = f"{count.failed:,} ({count.failed / topic.rows:.3%})" if topic.rows else f"{count.failed:,}"
    found = examples.get((topic.topic, count.name, count.column, count.arguments), ())
    rows = "".join(
        f"<tr><td><code>{escape(example.place)}</code></td><td>{_fields(example)}</td></tr>" for example in found
    )
    chart = bars(over_time, [f"{failed:,.0f}" for failed in over_time], BARS[count.severity])
    return (
        f'<article class="card"><header><h3>{escape(count.name)}</h3>'
        f'<span class="count {count.severity}">{share}</span></header>'
        f"{_about(count.column, count.arguments, count.severity)}{chart}{_axis(quality.first_ms, quality.last_ms)}"
        f"{_details('examples', ('record', 'fields'), rows)}</article>"
    )


def _fields(example: Example) -> str:
    return "<br>".join(
        f'<span class="soft">{escape(name)}</span> <code>{escape(value)}</code>' for name, value in example.fields
    )


def _about(column: str, arguments: str, severity: str) -> str:
    told = ", ".join(filter(None, [column, arguments]))
    return f'<p><span class="pill {severity}">{severity}</span> <code>{escape(told)}</code></p>'


def _details(title: str, headings: Sequence[str], rows: str) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    table = f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'
    return f"<details open><summary>{title}</summary>{table}</details>"


def _met(counts: Sequence[Count]) -> str:
    if not counts:
        return ""
    listed = "".join(
        f"<li><code>{escape(count.name.removeprefix('expect_'))}</code> "
        f'<span class="soft">{escape(", ".join(filter(None, [count.column, count.arguments])))}</span></li>'
        for count in counts
    )
    return f'<div class="card"><b class="holds">Always met</b><ul class="met">{listed}</ul></div>'


def _privacy(private: Mapping[str, str]) -> str:
    if not private:
        return ""
    told = ", ".join(f"<code>{escape(name)}</code> ({rule})" for name, rule in private.items())
    return f'<p class="soft">Personal fields are not shown: {told}.</p>'


def _axis(first_ms: float, last_ms: float) -> str:
    """Both ends of a chart; to the second where minutes would not tell them apart."""
    exact = last_ms - first_ms < EXACT_MS
    return f'<div class="axis"><span>{moment(first_ms, exact)}</span><span>{moment(last_ms, exact)}</span></div>'
