"""What table, page and JSON say of each policy, said once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidemill_learning.backtest.outcome import Outcome
    from tidemill_learning.backtest.playing import Release
    from tidemill_operations.backtest.job import Report


DIGITS = 4
OF_DECISIONS = ("precision", "recall")
"""Metrics that are shown too where decisions have a cost."""


@dataclass(frozen=True, slots=True)
class Row:
    """A policy's line. `behind`: by how much its score is behind the best one, 0 for the best. `metric`: the model
    file's; `more`: those of `more_metrics`, aligned; `mixtures`: of the releases, those of several versions together.
    """

    name: str
    score: float
    behind: float
    metric: float | None
    more: tuple[float | None, ...]
    fits: int
    failed: int
    alarms: int
    releases: int
    mixtures: int
    seconds: float
    fit_seconds: float


def rows_of(report: Report) -> list[Row]:
    """The policies, best first; of the fixed schedules the best alone."""
    ranked = report.found.ranked
    return [_row(one, report, ranked[0].score) for one in ranked]


def more_metrics(report: Report) -> tuple[str, ...]:
    """The metrics that are shown besides the score and the model file's own."""
    shown = tuple(name for name in OF_DECISIONS if name != report.metric)
    return shown if report.found.measure == "cost" else ()


def _row(one: Outcome, report: Report, top: float) -> Row:
    played = one.played
    schedule = report.found.best_schedule
    name = f"{one.name} rows (best of {len(report.found.grid)} schedules)" if one is schedule else one.name
    return Row(
        name=name, score=one.score, behind=abs(top - one.score), metric=one.metrics.get(report.metric),
        more=tuple(one.metrics.get(name) for name in more_metrics(report)),
        fits=len(played.fits), failed=sum(fit.version is None for fit in played.fits), alarms=len(played.alarms),
        releases=len(played.releases), mixtures=sum(bool(one.mixture) for one in played.releases),
        seconds=one.seconds, fit_seconds=played.fit_seconds,
    )  # fmt: skip


def as_dict(report: Report) -> dict[str, Any]:
    """All of it as plain JSON; times are epoch ms."""
    found = report.found
    schedule = found.best_schedule
    return {
        "model": report.model, "source": report.source, "measure": found.measure, "metric": report.metric,
        "events": report.material.events, "set_aside": report.material.set_aside,
        "unlabelled": report.material.unlabelled, "labelled": found.rows, "counted": found.counted,
        "from": found.from_ms, "to": found.to_ms, "notes": list(report.notes),
        "policies": [_outcome(one) for one in found.outcomes],
        "best_schedule": None if schedule is None else schedule.name,
        "schedules": [_outcome(one) for one in found.grid],
    }  # fmt: skip


def _outcome(one: Outcome) -> dict[str, Any]:
    played = one.played
    return {
        "name": one.name, "score": one.score, "metrics": dict(one.metrics),
        "seconds": one.seconds, "fit_seconds": played.fit_seconds,
        "fits": [_fields(fit) for fit in played.fits],
        "alarms": [_fields(alarm) for alarm in played.alarms],
        "releases": [{**_fields(release), "mixture": _members(release)} for release in played.releases],
        "curve": [_fields(point) for point in one.curve],
    }  # fmt: skip


def _members(release: Release) -> list[dict[str, Any]]:
    return [{"version": version, "weight": weight} for version, weight in release.mixture]


def released(row: Row) -> str:
    """How many releases, and how many of them were mixtures."""
    return f"{row.releases:,}" + (f" ({row.mixtures:,} of mixtures)" if row.mixtures else "")


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
