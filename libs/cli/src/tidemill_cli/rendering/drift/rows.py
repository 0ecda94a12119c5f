"""What table, page and JSON say of a model's drift, said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tidemill_cli.rendering.quality_table import moment

if TYPE_CHECKING:
    from tidemill_learning.drift.report.feature_shifts import FeatureShift, SampleTest
    from tidemill_learning.drift.report.picture import Extent, SourcePicture
    from tidemill_learning.drift.report.promises import Promise
    from tidemill_operations.drift.history import Ask, Measured
    from tidemill_operations.drift.job import Report

HIDDEN = "personal: not shown"
MOST_CATEGORIES = 4
MOST_PAIRS, MOST_PAIRS_IN_JSON = 5, 50
LEVELS = {"shifted": "shifted", "some": "moved some", "steady": "steady"}
RANKING = ("roc_auc", "accuracy", "rmse", "log_loss", "mae")
"""By which quality is told where the model file's metric is not measured on labels."""


def metric_of(report: Report) -> str:
    """The metric whose course is told: the model file's, where windows of labels have it."""
    there = {name for one in report.history.measured for name in one.metrics}
    return next((name for name in (report.metric, *RANKING) if name in there), report.metric)


def extent_text(found: Extent) -> str:
    """How much "now" is, and when it was."""
    windows = f"{found.windows} window{'' if found.windows == 1 else 's'}"
    return f"{windows}, {found.records:,} records of {moment(found.from_ms)} to {moment(found.to_ms)} UTC"


def learned_text(report: Report) -> str:
    """What the serving version learned from, as far as its reference tells."""
    reference = report.reference
    times = reference.get("event_time")
    span = f" of {moment(times[0])} to {moment(times[1])} UTC" if times else ""
    return f"version {report.version} learned from {reference['rows']:,} rows{span}"


def p_text(p: float) -> str:
    """A p-value, to the digits that matter."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.2f}"


def test_text(test: SampleTest | None) -> str:
    """What a test found."""
    if test is None:
        return "none"
    return f"KS {test.statistic:.3f}" if test.name == "kolmogorov-smirnov" else f"chi² {test.statistic:,.1f}"


def psi_text(psi: float | None) -> str:
    """A PSI, or that there is none."""
    return "none" if psi is None else f"{psi:.3f}"


def nulls_text(shift: FeatureShift) -> str:
    """The shares of nulls then and now, where there are any."""
    if not shift.nulls_then and not shift.nulls_now:
        return ""
    return f"{shift.nulls_then:.1%} → {shift.nulls_now:.1%}"


def together_text(source: SourcePicture) -> str:
    """Whether features have moved only together: the pairs whose rank correlation is another one than is usual."""
    pairs = source.together
    if not pairs:
        return "not known (the version's reference, or the profiles, do not tell of pairs)"
    turned = [f"{p.one} and {p.other} {p.then:+.2f} → {p.now:+.2f}" for p in pairs if p.turned]
    if not turned:
        return f"none of {len(pairs):,} pairs has turned"
    more = f" and {len(turned) - MOST_PAIRS} more" if len(turned) > MOST_PAIRS else ""
    return f"{len(turned):,} of {len(pairs):,} pairs have turned: {', '.join(turned[:MOST_PAIRS])}{more}"


def sides(shift: FeatureShift, hidden: frozenset[str]) -> tuple[str, str]:
    """Then and now in a few words: the median with 5 and 95 %, or the most frequent values."""
    if shift.name in hidden:
        return HIDDEN, HIDDEN
    if shift.kind == "number":
        return _number(shift.then), _number(shift.now)
    apart = sorted(shift.now, key=lambda name: -abs(shift.now[name] - shift.then.get(name, 0.0)))[:MOST_CATEGORIES]
    return (", ".join(f"{name} {shift.then.get(name, 0.0):.0%}" for name in apart),
            ", ".join(f"{name} {shift.now.get(name, 0.0):.0%}" for name in apart))  # fmt: skip


def _number(told: Mapping[str, float]) -> str:
    return f"{told['50%']:.4g} ({told['5%']:.4g} to {told['95%']:.4g})" if told else "no values"


def summary_text(told: Mapping[str, float]) -> str:
    """A distribution of predictions in a few words."""
    if "50%" not in told:
        return ", ".join(f"{name} {share:.0%}" for name, share in list(told.items())[:MOST_CATEGORIES]) or "nothing"
    mean = f"mean {told['mean']:.4g}, " if "mean" in told else ""
    return f"{mean}median {told['50%']:.4g} ({told['5%']:.4g} to {told['95%']:.4g})"


def predictions_text(source: SourcePicture) -> str:
    """What the serving version predicts now, against what it predicted of rows that training held out."""
    shift = source.scores
    if shift is None:
        return "the version that serves has predicted nothing yet"
    test = (
        "" if shift.test is None else f"; PSI {psi_text(shift.psi)}, {test_text(shift.test)}, p {p_text(shift.test.p)}"
    )
    return f"now {summary_text(shift.now)}; held out {summary_text(shift.then)}{test}"


def promise_text(report: Report, source: SourcePicture) -> str:
    """The accuracy that is expected before labels come, and what came of earlier such promises."""
    if report.task == "regression":
        return "a value claims no probability: nothing can be expected of it before its label"
    parts = []
    if source.expected:
        at, count, metrics = source.expected[-1]
        told = f"accuracy {metrics['accuracy']:.3f} is expected of {count:,} predictions"
        parts.append(f"{told} up to {moment(at)}, before their labels")
    found = source.promise
    if found is not None:
        parts.append(kept_text(found, report.version))
    return "; ".join(parts) or "no probabilities are on the topic yet"


def kept_text(found: Promise, version: int) -> str:
    """A promise and what came of it."""
    told = [
        f"{name} {found.expected[name]:.3f} was expected and {found.found[name]:.3f} came" for name in found.expected
    ]
    return f"of {found.labels:,} labelled predictions of version {version} {', '.join(told)}"


def newest(report: Report, source: str) -> Measured | None:
    """The newest window of labels of whoever serves."""
    ours = [one for one in report.history.measured if (one.source, one.version) == (source, report.version)]
    return ours[-1] if ours else None


def quality_text(report: Report, source: str) -> str:
    """The metric in the newest window of labels, and what training had measured."""
    found, metric = newest(report, source), metric_of(report)
    if found is None or metric not in found.metrics:
        return "no labels of the version that serves yet"
    then = f", {found.reference[metric]:.4g} was measured after training" if metric in found.reference else ""
    return f"{metric} {found.metrics[metric]:.4g} on {found.labels:,} labels up to {moment(found.at_ms)}{then}"


def admission_text(ask: Ask) -> str:
    """What admission said."""
    return f"{ask.admission}: {ask.reason}" if ask.admission else "nothing yet"


def asks_text(report: Report) -> str:
    """How many requests there were, and by which rules admission refused."""
    asks = report.history.asks
    refused = Counter(ask.reason.partition(":")[0] for ask in asks if ask.admission == "refused")
    why = ", ".join(f"{reason} {count}" for reason, count in refused.most_common())
    accepted = sum(ask.admission == "accepted" for ask in asks)
    return f"{len(asks)} requests, {accepted} accepted, {sum(refused.values())} refused" + (f" ({why})" if why else "")


def as_dict(report: Report) -> dict[str, Any]:
    """All of it as plain JSON; times are epoch ms."""
    reference, history = report.reference, report.history
    return {
        "model": report.model, "task": report.task, "metric": report.metric, "version": report.version,
        "profiles": report.profiles, "unread": report.unread,
        "learned": {"rows": reference["rows"], "held_out_rows": reference.get("held_out_rows"),
                    "event_time": reference.get("event_time"), "metrics": dict(reference["metrics"])},
        "sources": {name: _source(report, source) for name, source in report.sources.items()},
        "alarms": [asdict(one) for one in history.alarms], "asks": [asdict(one) for one in history.asks],
        "releases": [asdict(one) for one in history.releases],
        "measured": [asdict(one) for one in history.measured],
    }  # fmt: skip


def _source(report: Report, source: SourcePicture) -> dict[str, Any]:
    shift = source.scores
    return {
        "now": None if source.now is None else asdict(source.now),
        "features": [_feature(one, report.hidden) for one in source.features],
        "pairs": [asdict(one) | {"turned": one.turned} for one in source.together[:MOST_PAIRS_IN_JSON]],
        "psi_over_time": {name: [list(point) for point in course] for name, course in source.courses.items()},
        "predicted": None if source.predicted is None else asdict(source.predicted),
        "predictions": None if shift is None else asdict(shift),
        "predictions_over_time": [
            {"from": slot.from_ms, "to": slot.to_ms, "count": slot.value.count, "summary": dict(slot.value.summary)}
            for slot in source.score_course
        ],
        "expected_over_time": [{"to": at, "count": count, "metrics": told} for at, count, told in source.expected],
        "promise": None if source.promise is None else asdict(source.promise),
        "promises_over_time": [{"to": at, **asdict(one)} for at, one in source.promises],
        "calibration": [asdict(one) for one in source.calibration],
    }  # fmt: skip


def _feature(shift: FeatureShift, hidden: frozenset[str]) -> dict[str, Any]:
    told = asdict(shift) | {"level": shift.level, "hidden": shift.name in hidden}
    return told | ({"then": {}, "now": {}} if shift.name in hidden else {})
