"""The courses and plots of a drift page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from tidemill_cli.rendering.courses import Line, Mark, courses
from tidemill_cli.rendering.drift.rows import admission_text
from tidemill_cli.rendering.quality_table import moment

if TYPE_CHECKING:
    from tidemill_learning.drift.report.picture import SourcePicture
    from tidemill_operations.drift.history import Measured
    from tidemill_operations.drift.job import Report

MOST_CLASSES = 5
LEAST_LABELS = 50
"""A course leaves out windows of fewer labels: of three, accuracy is 0.33 or 1."""

Chart = tuple[Markup, list[tuple[object, str]]]
"""A chart and its key: (colour or kind of mark, name)."""

MARKS = {"alarm": "alarm", "change": "change point", "asked": "request, accepted", "refused": "request, refused",
         "release": "release"}  # fmt: skip


def span_of(report: Report) -> tuple[int, int]:
    """From the first to the last event time that there is anything to tell of."""
    history = report.history
    times = [one.at_ms for one in history.alarms]
    times += [at for one in history.measured for at in (one.from_ms, one.at_ms)]
    for source in report.sources.values():
        times += [at for slot in source.score_course for at in (slot.from_ms, slot.to_ms)]
        times += [at for course in source.courses.values() for at, _ in course]
    return min(times, default=0), max(times, default=0)


def quality_chart(report: Report, source: str, metric: str) -> Chart:
    """A metric over event time, a line for each version and arm, with all that happened."""
    groups: dict[tuple[int, str], list[Measured]] = {}
    for one in report.history.measured:
        if one.source == source and metric in one.metrics and one.labels >= LEAST_LABELS:
            groups.setdefault((one.version, one.arm), []).append(one)
    names = {key: f"version {key[0]}" + ("" if key[1] == "champion" else f", {key[1]}") for key in groups}
    lines = [
        Line([(one.at_ms, one.metrics[metric]) for one in found], f"{metric} of {names[key]}", k, dots=True)
        for k, (key, found) in enumerate(groups.items())
    ]
    drawn = courses(lines, marks_of(report, source), *span_of(report), f"{metric} over event time")
    marks = list(MARKS.items()) if drawn else []
    return drawn, [*((k, name) for k, name in enumerate(names.values())), *marks]


def expectation_chart(report: Report, source: SourcePicture) -> Chart:
    """Accuracy as it was expected before labels came, and as it came."""
    before = [(at, metrics["accuracy"]) for at, _, metrics in source.expected]
    promises = [(at, one) for at, one in source.promises if "accuracy" in one.expected and one.labels >= LEAST_LABELS]
    then = [(at, one.expected["accuracy"]) for at, one in promises]
    came = [(at, one.found["accuracy"]) for at, one in promises]
    named = [(came, "came, by labels"), (before, "expected of all predictions, before their labels"),
             (then, "expected of those that have labels now")]  # fmt: skip
    lines = [Line(points, name, k, dots=len(points) < 60) for k, (points, name) in enumerate(named) if points]
    drawn = courses(lines, [], *span_of(report), "accuracy, expected and found, over event time")
    return drawn, [(line.colour, line.title) for line in lines]


def prediction_chart(report: Report, source: SourcePicture) -> Chart:
    """What champions predicted over event time: mean and quantiles, or shares of classes."""
    slots = [slot for slot in source.score_course if slot.value.summary]
    if not slots:
        return Markup(), []
    names = list(slots[-1].value.summary)
    shown = [name for name in ("mean", "50%", "5%", "95%") if name in names] if "50%" in names else names[:MOST_CLASSES]
    lines = [
        Line([(slot.to_ms, slot.value.summary[name]) for slot in slots if name in slot.value.summary], name, k)
        for k, name in enumerate(shown)
    ]
    releases = [mark for mark in marks_of(report, "") if mark.kind == "release"]
    drawn = courses(lines, releases, *span_of(report), "predictions over event time")
    return drawn, [*((line.colour, line.title) for line in lines), ("release", "release")]


def marks_of(report: Report, source: str) -> list[Mark]:
    """What happened, a source's own alarms among it."""
    history = report.history
    alarms = {one.at_ms: one for one in history.alarms if one.source == source}
    marks = [Mark(at, "alarm", f"{moment(at)}: {one.subject}: {one.detail}") for at, one in alarms.items()]
    marks += [Mark(at, "change", f"changed at {moment(at)}; {said}") for at, said in history.changes]
    for ask in history.asks:
        if ask.at_ms is not None:
            kind = "asked" if ask.admission == "accepted" else "refused"
            marks.append(Mark(ask.at_ms, kind, f"{moment(ask.at_ms)}: {ask.cause}; {admission_text(ask)}"))
    for one in history.releases:
        if one.at_ms is not None:
            marks.append(Mark(one.at_ms, "release", f"version {one.version} {one.action}: {one.reason}"))
    return marks
