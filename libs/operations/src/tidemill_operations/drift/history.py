"""What was found, asked for, decided and released over a model's event time, from the platform's own topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemill_operations.drift.event_clock import EventClock
from tidemill_operations.feed import News, read_all

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

ADMISSION = ("accepted", "refused")
ENDS = ("finished", "failed")


@dataclass(frozen=True, slots=True)
class Alarm:
    """A detector spoke up in a window that ended at `at_ms` (event time)."""

    at_ms: int
    source: str
    kind: str
    detector: str
    subject: str
    statistic: float
    threshold: float
    version: int
    detail: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A new version was asked for at `at_ms` (event time; None where it is not known). `changed_ms`: since when the
    rows tell of another world, where that is known. `admission`: accepted, refused, or empty where nothing was said
    yet; `reason`: its word. `came_of`: what became of it, in words.
    """

    at_ms: int | None
    request_id: str
    cause: str
    by: str
    evidence: tuple[str, ...]
    changed_ms: int | None
    admission: str
    reason: str
    came_of: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Release:
    """What serves was changed: at `published_ms` in wall-clock time, where the stream stood at `at_ms`.
    `version`: whom it was about; `champion`: who answers since.
    """

    at_ms: int | None
    published_ms: int
    epoch: int
    action: str
    version: int
    champion: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A version's metrics on labels that were observed from `from_ms` to `at_ms`. `reference`: the same on held-out
    rows of its training, where it served.
    """

    from_ms: int
    at_ms: int
    source: str
    version: int
    arm: str
    labels: int
    metrics: Mapping[str, float]
    reference: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class History:
    """All of it, each in the order of event time."""

    alarms: tuple[Alarm, ...]
    asks: tuple[Ask, ...]
    releases: tuple[Release, ...]
    measured: tuple[Measured, ...]

    @property
    def changes(self) -> list[tuple[int, str]]:
        """Change points with the reason that brought each, one for each place."""
        found = {ask.changed_ms: f"{ask.cause}: {ask.came_of or ask.reason}" for ask in self.asks}
        return sorted((at, said) for at, said in found.items() if at is not None)


def read_history(platform: PlatformView, model: str, since_ms: int | None, clock: EventClock) -> History:
    """Reads it. Releases are all there are; the rest from when it was appended."""
    alarms = (_alarm(item.datum) for item in read_all(platform, "drift_events", model, since_ms))
    measured = (_measured(item.datum) for item in read_all(platform, "model_performance", model, since_ms))
    requests = read_all(platform, "retrain_requests", model, since_ms)
    runs = read_all(platform, "retrain_runs", model, since_ms)
    releases = (_release(item, clock) for item in read_all(platform, "model_releases", model))
    return History(
        tuple(sorted(alarms, key=lambda one: one.at_ms)),
        tuple(sorted(asks(requests, runs, clock), key=lambda one: one.at_ms or 0)),
        tuple(sorted(releases, key=lambda one: one.epoch)),
        tuple(sorted(measured, key=lambda one: one.at_ms)),
    )


def asks(requests: Iterable[News], runs: Iterable[News], clock: EventClock) -> list[Ask]:
    """What was asked for, with what admission said and what came of it. A run whose request is not on its topic (a fit
    that was due in label time, the calendar) stands for its request.
    """
    asked = {item.datum["request_id"]: item for item in requests}
    states: dict[str, list[News]] = {name: [] for name in asked}
    for run in runs:
        states.setdefault(run.datum["request_id"], []).append(run)
    return [_ask(name, asked.get(name), found, clock) for name, found in states.items()]


def _ask(name: str, asked: News | None, runs: list[News], clock: EventClock) -> Ask:
    request = asked.datum if asked is not None else {}
    first, last = (runs[0].datum, runs[-1].datum) if runs else ({}, {})
    word: dict[str, Any] = next((run.datum for run in runs if run.datum["state"] in ADMISSION), {})
    change = request.get("change_point") or first.get("change_point")
    found = asked if asked is not None else runs[0]
    return Ask(
        at_ms=request.get("event_time", None if asked is not None else clock.at(found.at_ms)),
        request_id=name,
        cause="mixture" if first.get("mixture") else str(request.get("cause") or first.get("cause")),
        by=str(request.get("requested_by") or "trainer"),
        evidence=told_evidence(request),
        changed_ms=change["event_time"] if change else None,
        admission=str(word.get("state", "")),
        reason=str(word.get("reason", "")),
        came_of=_came_of(last),
        version=last.get("version"),
    )


def told_evidence(request: Mapping[str, Any]) -> tuple[str, ...]:
    """What a request rests on, in words; nothing of one that is not known."""
    found = request.get("evidence", ())
    return tuple(f"{one['subject']}: {one['detail']}" if one["detail"] else str(one["subject"]) for one in found)


def _came_of(last: Mapping[str, Any]) -> str:
    """What became of a run, by its newest record."""
    if not last or last["state"] in ADMISSION:
        return ""
    if last["state"] not in ENDS:
        return f"in work: {last['reason']}"
    made = "no version" if last["version"] is None else f"version {last['version']}"
    told = str(last["reason"])
    outcome = f"gate {last['outcome']}: " if last.get("outcome") and not told.startswith("gate ") else ""
    return f"{made}; {outcome}{told}"


def _alarm(datum: Mapping[str, Any]) -> Alarm:
    own = ("kind", "detector", "subject", "statistic", "threshold", "version", "detail")
    return Alarm(at_ms=datum["ended_at"], source=datum["source"] or "stream", **{name: datum[name] for name in own})


def _measured(datum: Mapping[str, Any]) -> Measured:
    own = ("version", "arm", "labels", "metrics", "reference")
    return Measured(
        from_ms=datum["started_at"], at_ms=datum["ended_at"], source=datum["source"] or "stream",
        **{name: datum[name] for name in own},
    )  # fmt: skip


def _release(item: News, clock: EventClock) -> Release:
    published = item.datum["published"]
    challenger = item.datum["action"] in ("started", "advanced") and published["challenger"]
    return Release(
        at_ms=clock.at(item.at_ms), published_ms=published["published_at"], epoch=published["epoch"],
        action=item.datum["action"], version=(challenger or published["champion"])["version"],
        champion=published["champion"]["version"], by=item.datum["by"], reason=item.datum["reason"],
    )  # fmt: skip
