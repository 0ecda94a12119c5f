"""A backtest as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tidemill_cli.rendering.backtest.rows import DIGITS, Row, more_metrics, released, rows_of
from tidemill_cli.rendering.quality_table import moment

if TYPE_CHECKING:
    from tidemill_operations.backtest.job import Report

MOST_ALARMS = 10
"""The newest, of those that a terminal is told."""


def show(console: Console, report: Report) -> None:
    """Prints the table, what Tidemill's alarms were, and the notes."""
    found = report.found
    console.print(f"{report.model}: {found.counted:,} events, {moment(found.from_ms)} to {moment(found.to_ms)} UTC")
    table = Table(box=None, pad_edge=False)
    table.add_column("policy")
    headings = [_measure(found.measure), *([report.metric] if _apart(report) else []), *more_metrics(report)]
    for heading in (*headings, "fits", "alarms", "releases", "seconds", "of it fits"):
        table.add_column(heading, justify="right")
    for row in rows_of(report):
        table.add_row(*_cells(row, _apart(report)))
    console.print(table)
    alarms = report.ours.played.alarms
    for alarm in alarms[-MOST_ALARMS:]:
        changed, known = moment(alarm.changed_ms), moment(alarm.at_ms)
        console.print(f"changed at {changed}, known at {known}, {alarm.rows:,} events later", highlight=False)
    if len(alarms) > MOST_ALARMS:
        console.print(f"and {len(alarms) - MOST_ALARMS:,} changes before: --html and --json have them", highlight=False)
    for note in report.notes:
        console.print(note, highlight=False)


def _apart(report: Report) -> bool:
    """Whether the model file's metric is another than what all are scored by."""
    return report.metric != report.found.measure


def _cells(row: Row, metric: bool) -> list[str]:
    fits = f"{row.fits:,}" + (f" ({row.failed} gave none)" if row.failed else "")
    shown = [
        f"{value:.{DIGITS}f}" if value is not None else "none"
        for value in ([row.metric] if metric else []) + [*row.more]
    ]
    figures = [fits, f"{row.alarms:,}", released(row), f"{row.seconds:,.1f}", f"{row.fit_seconds:,.1f}"]
    return [row.name, f"{row.score:.{DIGITS}f}", *shown, *figures]


def _measure(name: str) -> str:
    return "mean absolute error" if name == "mae" else name
