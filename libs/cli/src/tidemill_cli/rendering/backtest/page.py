"""A backtest as one page of HTML that needs nothing else: style and chart stand in it, and no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemill_cli.rendering.backtest.rows import DIGITS, Row, more_metrics, released, rows_of
from tidemill_cli.rendering.courses import COLOURS, Line, Mark, courses
from tidemill_cli.rendering.pages import filled
from tidemill_cli.rendering.quality_table import moment

if TYPE_CHECKING:
    from tidemill_learning.backtest.outcome import Outcome
    from tidemill_operations.backtest.job import Report

MOST_LISTED = 200


def page(report: Report) -> str:
    """The whole page."""
    found, ours = report.found, report.ours
    shown = [ours, *(one for one in found.ranked if one is not ours)]
    rows = {row.name: row for row in rows_of(report)}
    lines = [Line([(p.at_ms, p.value) for p in one.curve], f"{one.name}: {one.score:.4g}", k)
             for k, one in enumerate(shown)]  # fmt: skip
    chart = courses(lines, _marks(ours), found.from_ms, found.to_ms, "scores over event time")
    return filled(
        "backtest/page.html.j2", "courses.css", model=report.model, source=report.source, notes=report.notes,
        span=(moment(found.from_ms), moment(found.to_ms)), events=f"{found.counted:,}",
        measure="mean absolute error" if found.measure == "mae" else found.measure,
        metrics=[*([report.metric] if report.metric != found.measure else []), *more_metrics(report)],
        tiles=_tiles(report), chart=chart,
        legend=[(k % COLOURS, one.name) for k, one in enumerate(shown)],
        rows=[_line(row, report.metric != found.measure) for row in rows.values()],
        grid=[(one.name, _figure(one.score), len(one.played.fits)) for one in found.grid],
        alarms=_alarms(ours), releases=_releases(ours), fits=_fits(ours),
    )  # fmt: skip


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    ours, played = report.ours, report.ours.played
    others = [one for one in report.found.ranked if one is not ours]
    first = report.found.ranked[0] is ours
    tiles = [(_figure(ours.score), "Tidemill", "good" if first else "")]
    tiles += [(_figure(one.score), one.name, "") for one in others[:3]]
    return [*tiles, (f"{len(played.fits):,}", "fits", ""), (f"{len(played.alarms):,}", "alarms", "")]


def _line(row: Row, metric: bool) -> dict[str, Any]:
    """`metric`: the model file's own is shown too."""
    told = ([row.metric] if metric else []) + [*row.more]
    return {
        "name": row.name, "score": _figure(row.score), "behind": _figure(row.behind) if row.behind else "",
        "metrics": [_figure(value) if value is not None else "none" for value in told],
        "fits": f"{row.fits:,}" + (f" ({row.failed} gave none)" if row.failed else ""),
        "alarms": f"{row.alarms:,}", "releases": released(row),
        "seconds": f"{row.seconds:,.1f}", "fit_seconds": f"{row.fit_seconds:,.1f}",
    }  # fmt: skip


def _figure(value: float) -> str:
    return f"{value:.{DIGITS}f}" if abs(value) < 1_000 else f"{value:,.0f}"


def _marks(ours: Outcome) -> list[Mark]:
    played = ours.played
    marks = [Mark(one.changed_ms, "change", f"changed at {moment(one.changed_ms)}") for one in played.alarms]
    marks += [Mark(one.at_ms, "alarm", f"alarm at {moment(one.at_ms)}") for one in played.alarms]
    return [*marks, *(Mark(one.at_ms, "release", f"{moment(one.at_ms)}: {one.why}") for one in played.releases)]


def _alarms(ours: Outcome) -> list[tuple[Any, ...]]:
    return [
        (moment(a.changed_ms), f"{moment(a.earliest_ms)} to {moment(a.latest_ms)}", moment(a.at_ms), f"{a.rows:,}")
        for a in ours.played.alarms[:MOST_LISTED]
    ]


def _releases(ours: Outcome) -> list[tuple[Any, ...]]:
    return [(moment(r.at_ms), f"{r.version}", r.why) for r in ours.played.releases[:MOST_LISTED]]


def _fits(ours: Outcome) -> list[tuple[Any, ...]]:
    return [
        (moment(f.at_ms), f.cause, f"{f.rows:,}", f"{f.version or 'none'}", f"{f.seconds:.2f}", f.note)
        for f in ours.played.fits[:MOST_LISTED]
    ]
