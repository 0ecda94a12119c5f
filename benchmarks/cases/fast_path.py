"""What the short way of REST gains: the same requests by it and by the application, one server, round by round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
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
ROUNDS = 3
CONNECTIONS = (1, 32)
GAIN = 1.3
"""Below it the short way is not worth its lines."""

WAYS: dict[str, Mapping[str, str]] = {
    "short": JSON_HEADERS,
    "whole": {"content-type": "application/json; charset=utf-8"},
}
"""A type with a parameter is not plain, and the application reads it as the same: nothing else differs."""


def fast_path(sizes: Sizes) -> Result:
    """`ours`: single requests over 32 connections, the short way. `each alone`: nothing is scored together."""
    rounds = min(ROUNDS, sizes.runs)
    with world() as place:
        place.create(PREFIX, PARTITIONS)
        release_all(place, PREFIX, PARTITIONS)
        bodies, key = Bodies.write(place.folder).of("json"), make_key(place)
        servers = {"": guarded(place, PREFIX), ", each alone": guarded(place, PREFIX, gather_requests="off")}
        try:
            runs = _rounds(servers, bodies, key, sizes, rounds)
        finally:
            for child in servers.values():
                child.stop()
    return _result(runs)


def _rounds(
    servers: Mapping[str, Child], bodies: Path, key: str, sizes: Sizes, rounds: int
) -> list[dict[str, dict[str, Any]]]:
    tries = {
        f"{way}{alone}, {connections}": (way, alone, connections)
        for way, alone in (("short", ""), ("whole", ""), ("short", ", each alone"))
        for connections in CONNECTIONS
    }
    headers = {way: {**form, "Authorization": f"Bearer {key}"} for way, form in WAYS.items()}
    for child in servers.values():
        await_answer(child, _url(child), bodies, headers["short"])
    found: list[dict[str, dict[str, Any]]] = []
    for number in range(rounds):
        one = {}
        for who in rotated(list(tries), number):
            way, alone, connections = tries[who]
            one[who] = _measured(servers[alone], bodies, headers[way], connections, sizes.rest_s)
        told("fast-path", number, {who: each["rate"] for who, each in one.items()})
        found.append(one)
    return found


def _url(child: Child) -> str:
    return f"http://127.0.0.1:{child.port}{PREDICT}"


def _measured(
    child: Child, bodies: Path, headers: Mapping[str, str], connections: int, seconds: float
) -> dict[str, Any]:
    before = child.cpu_s()
    found = fire(_url(child), bodies, seconds=seconds, connections=connections, headers=headers).result()
    found["server_us"] = (child.cpu_s() - before) * 1e6 / max(1, found["requests"] + found["warm"])
    if found["errors"] or not found["requests"]:
        raise RuntimeError(f"{found['errors']}: {child.log.read_text()[-2_000:]}")
    return found


def _result(runs: list[dict[str, dict[str, Any]]]) -> Result:
    named = [{("ours" if who == "short, 32" else who): one["rate"] for who, one in run.items()} for run in runs]
    result = Result.of_runs("fast-path", "requests/s", named)
    for who in sorted(runs[0]):
        result.figures[f"p50 ms {who}"] = median(run[who]["ms"]["p50"] for run in runs)
        result.figures[f"µs of processor {who}"] = median(run[who]["server_us"] for run in runs)
    for connections in CONNECTIONS:
        pairs = [run[f"short, {connections}"]["rate"] / run[f"whole, {connections}"]["rate"] for run in runs]
        result.goals.append(Goal(f"times the application, {connections} connections", median(pairs), GAIN))
    return result
