"""What traces cost: the same REST requests to a server that records none and to one that records one in a hundred."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.cases.rest import PREDICT, PREFIX, Bodies, await_answer, guarded, make_key
from benchmarks.cases.stream import release_all
from benchmarks.harness.children import Child
from benchmarks.harness.result import Goal, Result, rotated, told
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import world
from benchmarks.load.firing import JSON_HEADERS, fire

PARTITIONS = 4
CONNECTIONS = 32
RATIOS = {"none": 0.0, "ours": 0.01}
"""The share of requests that is recorded; spans go to a file."""
MOST = 0.10
"""Of requests a second, and of processor time, that traces may cost."""


def tracing(sizes: Sizes) -> Result:
    """`ours`: single requests a second with 1 % traces. `none`: with 0 %. Costs are of pairs: one after the other, by
    turns first.
    """
    with world() as place:
        place.create(PREFIX, PARTITIONS)
        release_all(place, PREFIX, PARTITIONS)
        bodies, key = Bodies.write(place.folder).of("json"), make_key(place)
        headers = {**JSON_HEADERS, "Authorization": f"Bearer {key}"}
        servers = {who: guarded(place, PREFIX, trace_ratio=ratio) for who, ratio in RATIOS.items()}
        try:
            for child in servers.values():
                await_answer(child, _url(child), bodies, headers)
            runs = []
            for number in range(sizes.runs):
                found = {}
                for who in rotated(list(servers), number):
                    found[who] = _measured(servers[who], bodies, headers, sizes.rest_s)
                told("tracing", number, {who: one["rate"] for who, one in found.items()})
                runs.append(found)
        finally:
            for child in servers.values():
                child.stop()
    return _result(runs)


def _url(child: Child) -> str:
    return f"http://127.0.0.1:{child.port}{PREDICT}"


def _measured(child: Child, bodies: Any, headers: Mapping[str, str], seconds: float) -> dict[str, Any]:
    before = child.cpu_s()
    found = fire(_url(child), bodies, seconds=seconds, connections=CONNECTIONS, headers=headers).result()
    found["server_us"] = (child.cpu_s() - before) * 1e6 / max(1, found["requests"] + found["warm"])
    if found["errors"] or not found["requests"]:
        raise RuntimeError(f"{found['errors']}: {child.log.read_text()[-2_000:]}")
    return found


def _result(runs: list[dict[str, dict[str, Any]]]) -> Result:
    result = Result.of_runs("tracing", "requests/s", [{who: one["rate"] for who, one in run.items()} for run in runs])
    for who in RATIOS:
        result.figures[f"µs of processor {who}"] = median(run[who]["server_us"] for run in runs)
        result.figures[f"p99 ms {who}"] = median(run[who]["ms"]["p99"] for run in runs)
    slower = median(1 - run["ours"]["rate"] / run["none"]["rate"] for run in runs)
    dearer = median(run["ours"]["server_us"] / run["none"]["server_us"] - 1 for run in runs)
    result.goals = [
        Goal("share of requests that 1 % traces cost", slower, MOST, at_most=True),
        Goal("share of processor time that 1 % traces cost", dearer, MOST, at_most=True),
    ]
    return result
