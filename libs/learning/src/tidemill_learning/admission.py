"""Admission: is a retrain request let through?

Drift alarms come in bursts and training costs money, so a request is checked against what has run before.
All time here is event time ("stream time"): a replayed stream is governed like the live one. What people ask by hand
is counted by the wall clock, since the event time of such a request is whatever its writer says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["accepted", "started", "finished", "failed"]

OPEN: frozenset[State] = frozenset({"accepted", "started"})
MIXTURE = "mixture"
"""Cause of a run that puts versions together: it learns nothing, so it counts for no rule about trainings."""

FREE_OF_COOLDOWN = frozenset({"manual", "first_data"})
"""A person knows why now; the first version has nothing to cool down from."""
DAY_MS = 86_400_000
BY_HAND = 24


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `event_time_ms`: stream time of the evidence. `budgeted`: a fit that is due in label time, where a
    budget of its own stands in for cooldown, back-off and `at_most`. `asked_ms`: when it is decided on, by the wall
    clock.
    """

    request_id: str
    cause: str
    fingerprint: str
    event_time_ms: int
    budgeted: bool = False
    asked_ms: int = 0


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier run of the same model. `event_time_ms` is its request's; `version`: what it made, if anything;
    `admitted_ms`: when it was admitted, by the wall clock.
    """

    request_id: str
    cause: str
    fingerprint: str
    state: State
    event_time_ms: int
    version: int | None = None
    admitted_ms: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """From the model file, in milliseconds of event time. `at_most`: runs within a duration. `by_hand`: runs that
    people ask for, imports too, within a day of the wall clock: what neither cooldown nor `at_most` bounds.
    """

    cooldown_ms: int
    at_most: tuple[int, int] | None = None
    by_hand: int = BY_HAND
    backoff_ms: int = 3_600_000
    """After a failure; doubled for each further failure in a row, up to `MAX_DOUBLINGS` times."""


MAX_DOUBLINGS = 6


@dataclass(frozen=True, slots=True)
class AdmissionDecision:
    """`admitted`, or refused for `reason` (one sentence that names the rule)."""

    admitted: bool
    reason: str


def decide(request: Request, past: Sequence[PastRun], policy: Policy) -> AdmissionDecision:
    """Apply the rules in order; the first that refuses gives the reason. `past`: oldest first, of this model.

    >>> request = Request("q2", "drift", "moved", event_time_ms=3_600_000)
    >>> decide(request, [], Policy(cooldown_ms=7_200_000)).admitted
    True
    """
    trained = [run for run in past if run.cause != MIXTURE]
    for rule in (_one_at_a_time, _fingerprint, _first_only_once, _by_hand, _cooldown, _at_most, _backoff):
        refusal = rule(request, past if rule in (_one_at_a_time, _fingerprint) else trained, policy)
        if refusal is not None:
            return AdmissionDecision(False, refusal)
    return AdmissionDecision(True, f"{request.cause}: all rules allow it")


def _one_at_a_time(request: Request, past: Sequence[PastRun], policy: Policy) -> str | None:
    running = next((run for run in past if run.state in OPEN), None)
    return f"one run at a time: the run for request {running.request_id} is not finished" if running else None


def _fingerprint(request: Request, past: Sequence[PastRun], policy: Policy) -> str | None:
    """The same evidence again (say, sent twice after a restart) is not a second reason, failed
    runs excepted. Wishes of people have fingerprints of their own; the same one twice is one wish."""
    same = [run for run in past if run.fingerprint == request.fingerprint and run.state != "failed"]
    return f"same fingerprint as request {same[-1].request_id}, which has been dealt with" if same else None


def _first_only_once(request: Request, past: Sequence[PastRun], policy: Policy) -> str | None:
    has_version = any(run.version is not None for run in past)
    return "there is a version already" if request.cause == "first_data" and has_version else None


def _by_hand(request: Request, past: Sequence[PastRun], policy: Policy) -> str | None:
    """A script that asks again and again, or whoever else may write there, does not train without an end."""
    if request.cause != "manual":
        return None
    recent = [run.admitted_ms for run in past if run.cause == "manual" and run.admitted_ms > request.asked_ms - DAY_MS]
    if len(recent) < policy.by_hand:
        return None
    again_ms = sorted(recent)[-policy.by_hand] + DAY_MS - request.asked_ms
    return (
        f"by hand: at most {policy.by_hand} runs in 24 h (TIDEMILL_MANUAL_RUNS_A_DAY), and there were {len(recent)}; "
        f"the next one may be in {_hours(again_ms)}"
    )


def _cooldown(request: Request, past: Sequence[PastRun], policy: Policy) -> str | None:
    if request.budgeted or request.cause in FREE_OF_COOLDOWN:
        return None
    done = [run.event_time_ms for run in past if run.state == "finished"]
    since = request.event_time_ms - max(done) if done else policy.cooldown_ms
    return (
        f"cooldown: {_hours(since)} after the last run, wanted {_hours(policy.cooldown_ms)}"
        if since < policy.cooldown_ms
        else None
    )


def _at_most(request: Request, past: Sequence[PastRun], policy: Policy) -> str | None:
    if policy.at_most is None or request.budgeted or request.cause in FREE_OF_COOLDOWN:
        return None
    most, within = policy.at_most
    recent = [run for run in past if run.event_time_ms > request.event_time_ms - within]
    return f"at most {most} in {_hours(within)}: there were {len(recent)}" if len(recent) >= most else None


def _backoff(request: Request, past: Sequence[PastRun], policy: Policy) -> str | None:
    if request.budgeted or request.cause == "manual":
        return None
    failures = 0
    for run in reversed(past):
        if run.state == "finished" and run.version is not None:
            break
        failures += 1
    if not failures:
        return None
    wanted = policy.backoff_ms * 2 ** min(failures - 1, MAX_DOUBLINGS)
    since = request.event_time_ms - past[-1].event_time_ms
    return (
        f"back-off after {failures} runs without a version: {_hours(since)}, wanted {_hours(wanted)}"
        if since < wanted
        else None
    )


def _hours(milliseconds: int) -> str:
    return f"{milliseconds / 3_600_000:.1f} h"
