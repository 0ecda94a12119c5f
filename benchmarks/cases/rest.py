"""Single-row requests over REST: ours with everything on, beside a bare handler on the same server and beside peers."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases.stream import release_all
from benchmarks.events import MODEL, payments
from benchmarks.harness.children import Child, python, service
from benchmarks.harness.result import Goal, Result, rotated, told
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.venvs import interpreter
from benchmarks.harness.world import World, world
from benchmarks.load.firing import JSON_HEADERS, fire
from tidemill.access.credentials.callers import Scope
from tidemill.access.migrate import migrate_access
from tidemill.access.storage.store import KeyStore
from tidemill.clock import SystemClock
from tidemill.database import connect
from tidemill_embedded.ports import Ports

PREFIX = "rest-"
PARTITIONS = 4
CONNECTIONS = 32
BODIES = 2_000
START_S = 90.0
SHARE_OF_LIMIT, TIMES_FASTAPI, TIMES_MLSERVER = 0.70, 2.0, 15.0
RATE = "1000000/second"
"""Of the key: it is counted and never reached."""
LOST = "tidemill_prediction_log_lost_total"
PREDICT = f"/v1/models/{MODEL}/predict"


@dataclass(frozen=True, slots=True)
class Server:
    """A peer: `module` of `benchmarks.servers` is started with a port and the graph's path. `bodies`: in which form it
    takes payments. `own_venv`: it does not fit into the main lock.
    """

    module: str
    path: str = "/predict"
    bodies: str = "json"
    own_venv: bool = True

    def start(self, graph: Path) -> Child:
        port = Ports().take(self.module)
        options = {"interpreter": interpreter("servers")} if self.own_venv else {}
        child = python(f"benchmarks.servers.{self.module}", str(port), str(graph), **options)
        child.port = port
        return child


LIMIT = Server("raw", own_venv=False)
PEERS = {
    "fastapi": Server("fastapi_app", own_venv=False),
    "mlserver": Server("mlserver_app", path=f"/v2/models/{MODEL}/infer", bodies="v2"),
    "bentoml": Server("bentoml_app", bodies="wrapped"),
    "litserve": Server("litserve_app"),
    "the limit on granian": Server("granian_raw"),
}


OURS: dict[str, dict[str, object]] = {"ours": {}, "ours, each alone": {"gather_requests": "off"}}
"""Settings of ours: the second shows what is gained by scoring together what came together."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """Files of one body a line, by form; `v2` is the Open Inference Protocol's, `wrapped` names the argument."""

    folder: Path

    @classmethod
    def write(cls, folder: Path) -> Bodies:
        """The same payments in every form: what a client knows, without id, time and label."""
        rows = payments(BODIES).drop_columns(["event_id", "at", "fraud"]).to_pylist()
        rows = [row for row in rows if row["amount"] >= 0]
        forms: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "json": lambda row: row,
            "wrapped": lambda row: {"payment": row},
            "v2": lambda row: {"inputs": [_tensor(name, value) for name, value in row.items() if value is not None]},
        }
        for form, made in forms.items():
            (folder / form).write_text("".join(json.dumps(made(row)) + "\n" for row in rows))
        return cls(folder)

    def of(self, form: str) -> Path:
        return self.folder / form


def _tensor(name: str, value: Any) -> dict[str, Any]:
    kind = "BYTES" if isinstance(value, str) else "FP64"
    return {"name": name, "shape": [1], "datatype": kind, "data": [value]}


def rest(sizes: Sizes) -> Result:
    """`ours`: `tidemill-inference serve` with keys, rates, expectations, metrics, 1 % traces and the prediction log."""
    participants = [*OURS, "limit", *(PEERS if sizes.rivals else [])]
    details: list[dict[str, dict[str, Any]]] = []
    with world() as place:
        place.create(PREFIX, PARTITIONS)
        graph = Path(release_all(place, PREFIX, PARTITIONS))
        bodies, key = Bodies.write(place.folder), make_key(place)
        if sizes.runs > 1:
            for who in participants:
                _measured(place, who, graph, bodies, key, sizes)
        runs = []
        for number in range(sizes.runs):
            found = {who: _measured(place, who, graph, bodies, key, sizes) for who in rotated(participants, number)}
            details.append(found)
            runs.append(told("rest", number, {who: one["rate"] for who, one in found.items()}))
    return _result(runs, details)


def _result(runs: list[Mapping[str, float]], details: list[dict[str, dict[str, Any]]]) -> Result:
    result = Result.of_runs("rest", "requests/s", runs)
    ours = [run["ours"] for run in details]
    result.figures = {
        **{f"{name} ms": median(one["ms"][name] for one in ours) for name in ("p50", "p99")},
        "limit's p99 ms": median(run["limit"]["ms"]["p99"] for run in details),
        "µs of processor a request": median(one["server_us"] for one in ours),
        "limit's µs": median(run["limit"]["server_us"] for run in details),
        "errors": sum(sum(one["errors"].values()) for one in ours),
        "not logged": sum(one["lost"] for one in ours),
    }
    result.goals = [
        Goal("errors", result.figures["errors"], 0, at_most=True),
        Goal("share of a bare handler", result.ratio, SHARE_OF_LIMIT),
    ]
    for peer, times in (("fastapi", TIMES_FASTAPI), ("mlserver", TIMES_MLSERVER)):
        if peer in result.rivals:
            result.goals.append(Goal(f"times {peer}", result.ours / result.rivals[peer], times))
    return result


def make_key(place: World) -> str:
    """A key of the world's own database, as `tidemill keys create` makes them."""
    engine = connect(database_url(place))
    migrate_access(engine)
    return KeyStore(engine, SystemClock()).create("bench", [Scope.PREDICT], by="bench", rate=RATE).text


def database_url(place: World) -> str:
    """The world's database."""
    return f"sqlite:///{place.folder / 'access.db'}"


def guarded(place: World, prefix: str, **settings: object) -> Child:
    """*serve* with keys and 1 % traces."""
    own = {"auth": "on", "database_url": database_url(place), "spans_dir": place.folder / "spans", "trace_ratio": 0.01}
    return service(place, prefix, "tidemill_inference", "serve", **{**own, **settings})


def _measured(place: World, who: str, graph: Path, bodies: Bodies, key: str, sizes: Sizes) -> dict[str, Any]:
    server = LIMIT if who == "limit" else PEERS.get(who)
    child = server.start(graph) if server else guarded(place, PREFIX, **OURS[who])
    path, form = (server.path, server.bodies) if server else (PREDICT, "json")
    headers = JSON_HEADERS if server else {**JSON_HEADERS, "Authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{child.port}{path}"
    try:
        await_answer(child, url, bodies.of(form), headers)
        before = child.cpu_s()
        found = fire(url, bodies.of(form), seconds=sizes.rest_s, connections=CONNECTIONS, headers=headers).result()
        found["server_us"] = (child.cpu_s() - before) * 1e6 / max(1, found["requests"] + found["warm"])
        found["lost"] = 0.0 if server else lost(child)
    finally:
        child.stop()
    if found["errors"] or not found["requests"]:
        raise RuntimeError(f"{who}: {found['errors']}: {child.log.read_text()[-2_000:]}")
    return found


def await_answer(child: Child, url: str, bodies: Path, headers: Mapping[str, str]) -> None:
    """Wait until a first request is answered with 200. Raises RuntimeError where that takes too long."""
    with bodies.open("rb") as file:
        body = file.readline().strip()
    deadline, last = time.monotonic() + START_S, "no answer"
    while time.monotonic() < deadline:
        child.check()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=5) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            last = f"{error.code} {error.read()[:300]!r}"
        except OSError as error:
            last = str(error)
        time.sleep(0.1)
    raise RuntimeError(f"{url}: {last}: {child.log.read_text()[-2_000:]}")


def lost(child: Child) -> float:
    """Predictions that *serve* has answered and not logged."""
    return sum(value for name, value in child.metrics().items() if name.startswith(LOST))
