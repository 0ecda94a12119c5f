"""From what was seen and counted to the summary, and the verdict: did the loop close? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from tidemill_flights.feed.rest_clients import RestState
from tidemill_flights.live import LiveState
from tidemill_flights.proof.audit import Audit

DRIFT_CAUSES = frozenset({"drift", "prediction", "quality"})
ALARMS = frozenset({"prediction", "quality"})
OF_THE_LOOP = DRIFT_CAUSES | {"schedule"}
"""Why the loop itself fits after the first version: a change, or more rows since it. The rest a person asks for."""
LEAST_REQUESTS_A_SECOND = 20.0


@dataclass(frozen=True, slots=True)
class Published:
    """A record of model-versions. `at_ms`: when the broker appended it."""

    epoch: int
    version: int
    champion: Mapping[str, Any]
    start_offsets: list[int]
    at_ms: int


def published_versions(live: LiveState) -> list[Published]:
    """All versions that were ever to serve, by epoch, each time the version changed."""
    found: dict[int, Published] = {}
    for item in live.news:
        if item.role == "model_versions":
            datum = item.datum
            champion = datum["champion"]
            found[datum["epoch"]] = Published(
                datum["epoch"], champion["version"], champion, datum["start_offsets"], item.at_ms
            )
    changes: list[Published] = []
    for epoch in sorted(found):
        if not changes or changes[-1].version != found[epoch].version:
            changes.append(found[epoch])
    return changes


def finished_runs(live: LiveState) -> dict[int, dict[str, Any]]:
    """The run that made each version."""
    return {run["version"]: run for run in live.of("retrain_runs") if run["state"] == "finished" and run["version"]}


def version_rows(live: LiveState, metric: str) -> list[dict[str, Any]]:
    """Each version that served: number, its own score at the gate, why it was made, and whether it learned from
    what came since a change that was found.
    """
    runs = finished_runs(live)
    rows = []
    for item in published_versions(live):
        run = runs.get(item.version, {})
        score = _metric(run.get("metrics", {}), metric)
        rows.append(
            {"version": item.version, "score": score, "cause": run.get("cause"), "since_change": since_change(run)}
        )
    return rows


def since_change(run: Mapping[str, Any]) -> bool:
    """Whether the loop made this run for a change that was found: the first fit and those that follow it, on more rows
    since then, answer the same change.
    """
    return run.get("cause") in OF_THE_LOOP and run.get("change_point") is not None


def _metric(metrics: Mapping[str, float], metric: str) -> float | None:
    """A run may report the metric for several splits; the test's is the one that counts."""
    for name in (metric, f"test_{metric}", f"test.{metric}", f"{metric}_test", f"validation_{metric}"):
        if name in metrics:
            return round(metrics[name], 4)
    return None


def swaps(live: LiveState, audit: Audit) -> list[dict[str, Any]]:
    """Every change from one version to the next, with the ms from the event on model-versions to serving.

    By the times on the predictions topic: until both stream and REST had answered with the new version (REST
    is asked some twenty times a second, so up to 50 ms of it are waiting), or REST alone where no event came.
    """
    made = audit.predictions
    changes = published_versions(live)
    rows = []
    for before, after in pairwise(changes):
        firsts = []
        for is_stream in (True, False):
            mine = (made.epoch >= after.epoch) & (made.stream == is_stream)
            if mine.any():
                firsts.append(int(made.predicted_at[mine].min()))
        serving = max(firsts) - after.at_ms if firsts else None
        rows.append({"from": before.version, "to": after.version, "ms": serving})
    return rows


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold for the loop to be closed."""

    holds: bool
    text: str
    found: str = ""


@dataclass(slots=True)
class Verdict:
    """All conditions; `closed` where every one holds."""

    conditions: list[Condition] = field(default_factory=list)

    @property
    def closed(self) -> bool:
        return all(condition.holds for condition in self.conditions)

    @property
    def failures(self) -> list[Condition]:
        return [condition for condition in self.conditions if not condition.holds]


def judge(live: LiveState, audit: Audit, rest: RestState, seconds_of_rest: float, killed: bool) -> Verdict:
    """Whether the loop closed: the conditions of the demo on what was seen and counted.

    With `killed` processes, REST requests may have failed after their retry: they are counted, not held
    against the loop.
    """
    exact = _exact(audit)
    served = _rest(rest, seconds_of_rest, killed)
    return Verdict([_first_version(live), _drift(live), _answer(live, audit), *served, *exact])


def judge_control(live: LiveState, audit: Audit, rest: RestState, seconds_of_rest: float) -> Verdict:
    """The control's verdict: a first version was trained and served, and nothing was retrained for drift."""
    asked = (run for run in live.of("retrain_runs") if run["state"] != "refused" and not run.get("mixture"))
    caused = [run for run in asked if run["cause"] in DRIFT_CAUSES]
    nothing = Condition(not caused, "nothing is retrained for drift", _causes(caused))
    return Verdict([_first_version(live), nothing, *_rest(rest, seconds_of_rest, False), *_exact(audit)])


def _causes(runs: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"run {run['run_id']} {run['state']} ({run['cause']})" for run in runs) or "none"


def _first_version(live: LiveState) -> Condition:
    changes = published_versions(live)
    cause = finished_runs(live).get(changes[0].version, {}).get("cause") if changes else None
    found = f"version {changes[0].version}, cause {cause}" if changes else "no version was released"
    return Condition(cause == "first_data", "the first version is trained from the stream", found)


def _drift(live: LiveState) -> Condition:
    events = live.of("drift_events")
    alarms = sum(event["kind"] in ALARMS for event in events)
    found = f"{len(events)} drift events, {alarms} of them of quality or predictions"
    return Condition(alarms > 0, "drift is found, a quality or prediction alarm among it", found)


def _answer(live: LiveState, audit: Audit) -> Condition:
    """A later version, trained because of drift with such an alarm in its evidence, or on what came since a change,
    gated, released, and serving.
    """
    requests = {request["request_id"]: request for request in live.of("retrain_requests")}
    runs, reasons = finished_runs(live), []
    for item in published_versions(live)[1:]:
        run = runs.get(item.version, {})
        evidence = requests.get(run.get("request_id", ""), {}).get("evidence", [])
        alarmed = run.get("cause") in ALARMS or any(entry["kind"] in ALARMS for entry in evidence)
        served = bool(np.any(audit.predictions.epoch >= item.epoch))
        answers = (run.get("cause") in DRIFT_CAUSES and alarmed) or since_change(run)
        if answers and run.get("gate") and served:
            return Condition(True, "a later version answers the drift", f"version {item.version}, cause {run['cause']}")
        reasons.append(
            f"version {item.version}: cause {run.get('cause')}, alarm in its evidence: {alarmed}, "
            f"gated: {bool(run.get('gate'))}, serving: {served}"
        )
    return Condition(False, "a later version answers the drift", "; ".join(reasons) or "no later version was released")


def _rest(rest: RestState, seconds: float, killed: bool) -> list[Condition]:
    rate = rest.requests / seconds if seconds > 0 else 0.0
    conditions = [
        Condition(
            rate >= LEAST_REQUESTS_A_SECOND or killed,
            f"REST is asked at least {LEAST_REQUESTS_A_SECOND:.0f} times a second",
            f"{rest.requests} requests in {seconds:.0f} s",
        )
    ]
    if not killed:
        found = f"{rest.errors} errors{': ' + rest.first_error if rest.first_error else ''}"
        conditions.append(Condition(rest.errors == 0, "no REST request fails", found))
    return conditions


def _exact(audit: Audit) -> list[Condition]:
    return [
        Condition(
            tally.missing == tally.duplicated == 0,
            f"{name}: exactly once",
            f"{tally.missing} missing, {tally.duplicated} duplicated",
        )
        for name, tally in audit.tallies.items()
    ]
