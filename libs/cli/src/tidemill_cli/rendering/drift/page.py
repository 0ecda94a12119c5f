"""A model's drift as one page of HTML that needs nothing else. What it says is gathered here; how it looks stands in
`page.html.j2`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemill_cli.rendering.calibration import calibration_plot
from tidemill_cli.rendering.drift.charts import expectation_chart, prediction_chart, quality_chart
from tidemill_cli.rendering.drift.rows import (
    LEVELS,
    admission_text,
    asks_text,
    extent_text,
    learned_text,
    metric_of,
    newest,
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
from tidemill_cli.rendering.pages import filled
from tidemill_cli.rendering.quality_charts import Point, line
from tidemill_cli.rendering.quality_table import moment

if TYPE_CHECKING:
    from tidemill_learning.drift.report.picture import SourcePicture
    from tidemill_operations.drift.job import Report

MOST_LISTED = 200
KINDS = {"shifted": "critical", "some": "warning", "steady": "holds"}


def page(report: Report) -> str:
    """The whole page."""
    history = report.history
    return filled(
        "drift/page.html.j2", "courses.css", "drift/drift.css", model=report.model, learned=learned_text(report),
        tiles=_tiles(report), sources=[_source(report, name, one) for name, one in report.sources.items()],
        asked=asks_text(report), unread=report.unread,
        alarms=[(moment(a.at_ms), a.source, f"{a.subject} ({a.detector})", f"version {a.version}", a.detail)
                for a in history.alarms[: -MOST_LISTED - 1 : -1]],
        asks=[(_time(a.at_ms), a.cause, a.by, admission_text(a), a.came_of or "nothing", "; ".join(a.evidence))
              for a in history.asks[: -MOST_LISTED - 1 : -1]],
        releases=[(_time(r.at_ms), _time(r.published_ms), f"version {r.version} {r.action}", r.by, r.reason)
                  for r in history.releases[: -MOST_LISTED - 1 : -1]],
    )  # fmt: skip


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    shifted = sum(shift.level == "shifted" for one in report.sources.values() for shift in one.features)
    metric = metric_of(report)
    tiles = [(str(report.version), "version that serves", ""),
             (str(shifted), "features shifted", "bad" if shifted else "good")]  # fmt: skip
    found = next(filter(None, (newest(report, name) for name in report.sources)), None)
    if found is not None and metric in found.metrics:
        tiles.append((f"{found.metrics[metric]:.4g}", f"{metric}, newest window", ""))
        if metric in found.reference:
            tiles.append((f"{found.reference[metric]:.4g}", f"{metric} after training", ""))
    history = report.history
    accepted = sum(ask.admission == "accepted" for ask in history.asks)
    tiles.append((f"{len(history.alarms):,}", "alarms", ""))
    tiles.append((f"{accepted:,} of {len(history.asks):,}", "requests accepted", ""))
    return [*tiles, (f"{len(history.releases):,}", "releases", "")]


def _source(report: Report, name: str, source: SourcePicture) -> dict[str, Any]:
    metric = metric_of(report)
    there = {known for one in report.history.measured if one.source == name for known in one.metrics}
    metrics = [metric, *(["roc_auc"] if metric != "roc_auc" and "roc_auc" in there else [])]
    charts = [(f"{one} over event time", *quality_chart(report, name, one), "") for one in metrics]
    expected = expectation_chart(report, source)
    charts.append(("accuracy before labels, and what came", *expected, promise_text(report, source)))
    charts.append(("predictions over event time", *prediction_chart(report, source), predictions_text(source)))
    now = source.now
    return {
        "name": "The stream" if name == "stream" else "What REST clients asked",
        "now": "no window of features yet" if now is None else extent_text(now),
        "quality": quality_text(report, name),
        "charts": charts,
        "calibration": calibration_plot(source.calibration),
        "features": _features(report, source),
        "together": together_text(source),
    }


def _features(report: Report, source: SourcePicture) -> list[dict[str, Any]]:
    from tidemill_learning.drift.detection.shift_detectors import SHIFTED

    courses, rows = source.courses, []
    for shift in source.features:
        then, now = sides(shift, report.hidden)
        points = [Point(psi, psi < SHIFTED, f"{moment(at)}: PSI {psi:.3f}") for at, psi in courses.get(shift.name, [])]
        rows.append({
            "name": shift.name, "level": LEVELS[shift.level], "kind": KINDS[shift.level], "psi": psi_text(shift.psi),
            "test": test_text(shift.values), "p": p_text(shift.adjusted), "nulls": nulls_text(shift), "then": then,
            "now": now, "course": line(points, 0.0, SHIFTED),
        })  # fmt: skip
    return rows


def _time(at_ms: int | None) -> str:
    return "not known" if at_ms is None else moment(at_ms)
