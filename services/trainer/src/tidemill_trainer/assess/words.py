"""What label time asks for, in the platform's events. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from tidemill.artifact import told_mixture
from tidemill.contracts.events.changes import ChangePoint as ToldChange
from tidemill.contracts.events.platform import Cause, DriftEvent, Evidence, RetrainRequest
from tidemill.ids import deterministic_id
from tidemill_learning.label_time.change_point import ChangePoint
from tidemill_learning.label_time.contest import NEEDED
from tidemill_learning.label_time.loop import Changed, FitDue, MixDue
from tidemill_learning.label_time.pool import Takeover
from tidemill_learning.label_time.probation import BornBad
from tidemill_trainer.assess.state import OpenTakeover
from tidemill_trainer.mixture.shares import evidence_of

LABEL_TIME = "label_time"
"""Who asks for such fits and takes such versions over, and the detector that finds such changes."""

AS_PROMISED = 0.5
"""A mean surprise of an honest version."""


def request_of(model: str, due: FitDue, wanted: int, now_ms: int) -> RetrainRequest:
    """The request of a fit that is due: the same, id included, whenever the same label leads to it. `wanted`: labelled
    rows of a first version.
    """
    fingerprint = f"{LABEL_TIME}/{model}/{due.label}"
    causes: dict[str, Cause] = {"first_data": "first_data", "quality": "quality", "growth": "schedule"}
    return RetrainRequest(
        request_id=deterministic_id(fingerprint), model=model, cause=causes[due.cause],
        evidence=(_rows(due, wanted), *([changed(due.change)] if due.change else [])), fingerprint=fingerprint,
        requested_by=LABEL_TIME, requested_at=now_ms, event_time=due.cut_off_ms,
        change_point=ToldChange.from_dict(due.change.to_dict()) if due.change else None, cut_off=due.cut_off_ms,
    )  # fmt: skip


def mixture_request(model: str, due: MixDue, now_ms: int) -> RetrainRequest:
    """The request of a mixture that is due: the same, id included, whenever the same label leads to it."""
    fingerprint = f"{LABEL_TIME}/mixture/{model}/{due.label}"
    proof = Evidence(
        detector=LABEL_TIME, kind="quality", subject="mixture", statistic=due.log_evidence, threshold=due.needed,
        detail=f"{told_mixture(due.members)} together answer better than the version that serves, on {due.labels:,} "
        f"labels that none of them has learned: evidence e^{due.log_evidence:.1f}, e^{due.needed:.1f} wanted",
    )  # fmt: skip
    return RetrainRequest(
        request_id=deterministic_id(fingerprint), model=model, cause="quality",
        evidence=(proof, *evidence_of(due.members, LABEL_TIME)), fingerprint=fingerprint, requested_by=LABEL_TIME,
        requested_at=now_ms, event_time=due.cut_off_ms, cut_off=due.cut_off_ms,
    )  # fmt: skip


def changed(change: ChangePoint) -> Evidence:
    """That the version that served answers worse."""
    return Evidence(
        detector=LABEL_TIME, kind="quality", subject="surprise", statistic=change.after, threshold=change.before,
        detail=described(change),
    )  # fmt: skip


def described(change: ChangePoint) -> str:
    """One sentence for people."""
    return (
        f"answers became worse at {_moment(change.event_time)} of event time (between {_moment(change.earliest)} and "
        f"{_moment(change.latest)}): mean surprise {change.before:.3f} before, {change.after:.3f} after, "
        f"{AS_PROMISED} would be as promised"
    )


def alarm(model: str, found: Changed | BornBad) -> str:
    """The log's line of an alarm."""
    if isinstance(found, BornBad):
        return f"{model}: {found.detail}; found at label {found.label:,}"
    return f"{model}: of version {found.version} the {described(found.change)}; found at label {found.label:,}"


def event_of(model: str, found: Changed | BornBad) -> DriftEvent:
    """The drift event of an alarm: the same, id included, whenever the same label leads to it."""
    if isinstance(found, BornBad):
        detector, subject, measured = "born-bad", f"version {found.version}", (found.log_evidence, NEEDED)
        records, since, until, detail = found.labels, found.event_time, found.event_time, found.detail
    else:
        change = found.change
        detector, subject, measured = LABEL_TIME, "surprise", (change.after, change.before)
        records, since, until, detail = found.label, change.event_time, change.latest, described(change)
    return DriftEvent(
        event_id=deterministic_id(LABEL_TIME, detector, model, found.label), model=model, version=found.version,
        kind="quality", detector=detector, subject=subject, statistic=measured[0], threshold=measured[1],
        window=found.label, records=records, started_at=min(since, until), ended_at=max(since, until), offsets=(),
        detail=detail, failure="born_bad" if isinstance(found, BornBad) else None,
    )  # fmt: skip


def takeover_of(model: str, found: Takeover, label: int, number: int = 0) -> OpenTakeover | None:
    """What *release* is asked for; None for the first version, which its run releases. `label`: up to which label time
    has come; `number`: of this one among those of the same step.
    """
    if found.over is None:
        return None
    evidence = Evidence(
        detector=LABEL_TIME, kind="quality", subject=f"version {found.version}", statistic=found.log_evidence,
        threshold=found.needed, detail=found.detail,
    )  # fmt: skip
    name = deterministic_id(LABEL_TIME, "takeover", model, label, number)
    return OpenTakeover(name, model, found.version, found.over, (evidence,), found.detail)


def _rows(due: FitDue, wanted: int) -> Evidence:
    kind, subject = ("data", "labelled_rows") if due.cause == "first_data" else ("schedule", "rows_since_change")
    since = f"since {_moment(due.change.event_time)}" if due.change else "since the beginning"
    return Evidence(
        detector=LABEL_TIME, kind=kind, subject=subject, statistic=float(due.rows),
        threshold=float(wanted if due.cause == "first_data" else 0),
        detail=f"{due.rows:,} labelled rows {since}, known by {_moment(due.cut_off_ms)}",
    )  # fmt: skip


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
