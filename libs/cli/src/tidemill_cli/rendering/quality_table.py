"""The report in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tidemill_expectations.windows.merged import Judged
from tidemill_operations.quality.collect import Quality, TopicQuality

COLOURS = {"critical": "red", "warning": "yellow", "info": "cyan"}
SHOWN_WINDOWS = 5


def show(console: Console, quality: Quality) -> None:
    """Print what is known of a model's data."""
    for topic in quality.topics:
        if topic.rows or topic is quality.events:
            _show_topic(console, topic)
    if quality.met.orphans:
        told = f"labels that are about no event which came where they did: {quality.met}"
        console.print(f"[yellow]{escape(told)}[/]\n", soft_wrap=True, highlight=False)
    if quality.judged or quality.fresh:
        _show_windows(console, quality)


def _show_topic(console: Console, topic: TopicQuality) -> None:
    share = f"{topic.dead / topic.rows:.2%}" if topic.rows else "none"
    console.print(
        f"[bold]{topic.topic}[/bold]  {topic.rows:,} rows, {topic.clean:,} clean, {topic.dead:,} dead ({share})",
        soft_wrap=True,
        highlight=False,
    )
    failed = [count for count in topic.ordered() if count.failed]
    if failed:
        table = Table(box=None, pad_edge=False)
        for heading in ("expectation", "column", "arguments", "severity", "failed", "share"):
            right = heading in ("failed", "share")
            table.add_column(heading, justify="right" if right else "left", overflow="fold")
        for count in failed:
            name, portion = count.name.removeprefix("expect_"), f"{count.failed / max(topic.rows, 1):.3%}"
            values = (name, count.column, count.arguments, count.severity, f"{count.failed:,}", portion)
            table.add_row(*values, style=COLOURS[count.severity])
        console.print(table, markup=False)
    for line in met_lines(topic):
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=True, highlight=False)
    console.print()


def met_lines(topic: TopicQuality) -> list[str]:
    """Expectations that were always met, one line for each name, with the fields that it is about."""
    subjects: dict[str, list[str]] = {}
    for count in topic.ordered():
        if not count.failed:
            subjects.setdefault(count.name.removeprefix("expect_"), []).append(count.column)
    return [f"met: {name} ({'; '.join(filter(None, columns))})" for name, columns in subjects.items()]


def _show_windows(console: Console, quality: Quality) -> None:
    table = Table(title="by window of event time", title_justify="left", box=None, pad_edge=False)
    for heading in ("expectation", "column", "arguments", "severity", "windows", "broken", "latest", "observed"):
        table.add_column(heading, justify="right" if heading in ("windows", "broken") else "left", overflow="fold")
    for judged in by_rule((*quality.judged, *quality.fresh)):
        rule, newest = judged[0].rule, judged[-1]
        complete = [j for j in judged if j.final]
        bad = sum(j.verdict.holds is False for j in complete)
        latest = moment(newest.start_ms) + ("" if newest.final else " (open)")
        table.add_row(
            rule.name.removeprefix("expect_"), rule.subject, rule.arguments, rule.severity,
            f"{len(complete):,}", f"{bad:,}", latest, newest.verdict.observed,
            style=COLOURS[rule.severity] if bad else None,
        )  # fmt: skip
    console.print(table, markup=False)
    for one in quality.broken[-SHOWN_WINDOWS:]:
        named = f"{one.rule.name} {one.rule.subject}".strip()
        line = f"  {moment(one.start_ms)}  {named}: {one.verdict.observed}"
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def by_rule(judged: Iterable[Judged]) -> list[list[Judged]]:
    """The verdicts of each rule, in order of time."""
    found: dict[tuple[str, str, str, float], list[Judged]] = {}
    for one in judged:
        rule = one.rule
        found.setdefault((rule.name, rule.subject, rule.arguments, rule.over.total_seconds()), []).append(one)
    return list(found.values())


def moment(at_ms: float, exact: bool = False) -> str:
    """A time as people read it, UTC, to the minute or to the second."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S" if exact else "%Y-%m-%d %H:%M")
