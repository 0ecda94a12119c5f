"""REST under a steady load, with everything on: 1,000 single predictions a second in an open loop for ten minutes, with
keys, a rate limit, validation, metrics, 1 % traces and the prediction log. Then the same load in short phases on two
processes in turn, one with the log and one without: what does logging cost?
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.cases.rest import guarded, lost, make_key
from benchmarks.cases.stream import release_all
from benchmarks.events import MODEL, payments
from benchmarks.harness.children import Child
from benchmarks.harness.result import Goal, Result, rotated, told
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import World, world
from benchmarks.load.firing import JSON_HEADERS, fire
from benchmarks.load.goals import ERRORS, OUR_P99_MS, P95_MS, P99_MS
from benchmarks.load.serve import await_path, predict_url, write_bodies

LOG_COST = 1.1
CONNECTIONS = 128
REST_S = 0.3
WRITTEN = "tidemill_prediction_log_written_total"


def load(sizes: Sizes) -> Result:
    """`ours`: p99 of the long run, `limit` what it must stay below."""
    with world() as place, _serving(place) as (on, off, key):
        long = _asked(place, on, key, sizes, sizes.load_s)
        told("load", 0, long)
        phases = {"log on": on, "log off": off}
        runs = [_in_turn(place, phases, key, sizes, number) for number in range(sizes.log_phases)]
        not_logged = lost(on)
    result = Result("load", "ms p99", long["p99 ms"], OUR_P99_MS, runs=[dict(long), *runs])
    middle = {what: median(run[what] for run in runs) for what in runs[0]}
    errors = long["errors"] + sum(run[f"{who} errors"] for run in runs for who in ("log on", "log off"))
    result.figures = {**long, **middle, "errors": errors, "predictions lost to the log": not_logged}
    result.goals = _goals(long, result.figures)
    return result


def _in_turn(place: World, phases: dict[str, Child], key: str, sizes: Sizes, number: int) -> dict[str, float]:
    """One phase with the log and one without."""
    order = rotated(list(phases), number)
    found = {who: _asked(place, phases[who], key, sizes, sizes.log_phase_s) for who in order}
    figures = {f"{who} {what}": found[who][what] for who in phases for what in ("p50 ms", "p99 ms", "errors")}
    return dict(told("load, log", number, figures))


def _goals(long: dict[str, float], figures: dict[str, float]) -> list[Goal]:
    cost = figures["log on p99 ms"] / figures["log off p99 ms"]
    return [
        Goal("deploy/load's bar: p95 ms", long["p95 ms"], P95_MS, at_most=True),
        Goal("deploy/load's bar: p99 ms", long["p99 ms"], P99_MS, at_most=True),
        Goal("deploy/load's bar: share of errors", long["errors"] / long["requests"], ERRORS, at_most=True),
        Goal("p99 ms", long["p99 ms"], OUR_P99_MS, at_most=True),
        Goal("errors", figures["errors"], 0, at_most=True),
        Goal("p99 with the log to without", cost, LOG_COST, at_most=True),
        Goal("predictions lost to the log", figures["predictions lost to the log"], 0, at_most=True),
    ]


@contextmanager
def _serving(place: World) -> Iterator[tuple[Child, Child, str]]:
    """Two processes that are warm, the second without the prediction log; and a key for both."""
    place.create("", 4)
    release_all(place, "", 4)
    key = make_key(place)
    children: list[Child] = []
    try:
        for log in ("on", "off"):
            children.append(guarded(place, "", models=MODEL, prediction_log=log))
        for child in children:
            await_path(child)
        yield children[0], children[1], key
    finally:
        for child in children:
            child.stop()


def _asked(place: World, child: Child, key: str, sizes: Sizes, seconds: float) -> dict[str, float]:
    bodies = write_bodies(place.folder / "bodies", payments(512, first=10**6))
    headers = {**JSON_HEADERS, "Authorization": f"Bearer {key}"}
    before, written = child.cpu_s(), _sum(child.metrics(), WRITTEN)
    found: dict[str, Any] = fire(
        predict_url(child), bodies, seconds=seconds, warm_s=sizes.load_warm_s, rate=sizes.fire_rate,
        connections=CONNECTIONS, headers=headers,
    ).result()  # fmt: skip
    all_requests = found["requests"] + found["warm"]
    return {
        "requests": float(found["requests"]),
        "requests/s": found["requests"] / found["seconds"],
        "errors": float(sum(found["errors"].values()) + sum(found["warm_errors"].values())),
        **{f"{p} ms": found["ms"].get(p, 0.0) for p in ("p50", "p95", "p99", "p99.9", "max")},
        "processor µs a request": (child.cpu_s() - before) * 1e6 / all_requests,
        "logged a request": (_settled(child, WRITTEN) - written) / all_requests,
        "resident MB": child.rss_mb(),
    }


def _settled(child: Child, name: str) -> float:
    """A counter that has come to rest."""
    before, now = -1.0, _sum(child.metrics(), name)
    while now != before:
        time.sleep(REST_S)
        before, now = now, _sum(child.metrics(), name)
    return now


def _sum(metrics: dict[str, float], name: str) -> float:
    """Over all labels of a counter."""
    return sum(value for sample, value in metrics.items() if sample.partition("{")[0] == name)
