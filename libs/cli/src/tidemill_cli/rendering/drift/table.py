"""A model's drift as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tidemill_cli.rendering.drift.rows import (
    LEVELS,
    admission_text,
    asks_text,
    extent_text,
    learned_text,
    nulls_text,
    p_text,
    predictions_text,
    promise_text,
    psi_text,
    quality_text,
    sides,
    test_text,
    together_text,
)
from tidemill_cli.rendering.quality_table import moment

if TYPE_CHECKING:
    from tidemill_learning.drift.report.picture import SourcePicture
    from tidemill_operations.drift.job import Report

MOST_LISTED = 10
"""The newest of each kind; JSON and page have the others."""
COLOURS = {"shifted": "red", "some": "yellow", "steady": None}


def show(console: Console, report: Report) -> None:
    """Prints it: features, predictions and quality of the stream and of REST, then what was done about them."""
    _say(console, f"{report.model}: {learned_text(report)}")
    if not report.sources:
        _say(console, "no profiles are there: drift's profile writes one as soon as a window is full")
    for name, source in report.sources.items():
        _show_source(console, report, name, source)
    _list(console, "alarms", [f"{moment(a.at_ms)}  {a.source} {a.kind} {a.subject} ({a.detector}): {a.detail}"
                              for a in report.history.alarms])  # fmt: skip
    asks = [f"{'' if a.at_ms is None else moment(a.at_ms)}  {a.cause} by {a.by}; {admission_text(a)}"
            + (f"; {a.came_of}" if a.came_of else "") for a in report.history.asks]  # fmt: skip
    _list(console, asks_text(report), asks)
    _list(console, "releases", [
        f"{moment(r.at_ms or r.published_ms)}  version {r.version} {r.action} by {r.by}: {r.reason}"
        for r in report.history.releases])  # fmt: skip
    if report.unread:
        _say(console, f"{report.unread:,} records on the topic of profiles cannot be read and are left out")


def _show_source(console: Console, report: Report, name: str, source: SourcePicture) -> None:
    console.print()
    now = source.now
    _say(console, f"{name}: {extent_text(now)}" if now is not None else f"{name}: no window of features yet")
    table = Table(box=None, pad_edge=False)
    for heading in ("feature", "", "PSI", "test", "p adjusted", "nulls", "then", "now"):
        right = heading in ("PSI", "p adjusted")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for shift in source.features:
        then, here = sides(shift, report.hidden)
        table.add_row(
            shift.name, LEVELS[shift.level], psi_text(shift.psi), test_text(shift.values), p_text(shift.adjusted),
            nulls_text(shift), then, here, style=COLOURS[shift.level],
        )  # fmt: skip
    if table.row_count:
        console.print(table, markup=False)
    _say(console, f"features together: {together_text(source)}")
    _say(console, f"predictions: {predictions_text(source)}")
    _say(console, f"quality: {quality_text(report, name)}")
    _say(console, f"before labels: {promise_text(report, source)}")


def _list(console: Console, title: str, lines: list[str]) -> None:
    console.print()
    shown = lines[-MOST_LISTED:]
    more = f", the newest {len(shown)} of {len(lines):,}" if len(lines) > len(shown) else ""
    _say(console, f"{title}{more}:" if lines else f"{title}: none")
    for line in shown:
        _say(console, f"  {line}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
