"""Resident memory of `serve` while models of more than 200 MB follow each other: dense ones, and forests.

A model counts as what its first load adds to the process, plus its file. Memory is looked at every 5 ms. *During*: from
before the event until the version has served for two seconds; *after*: the median of the second of these.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.events import MODEL, payments
from benchmarks.graphs.boosted import announce, boosted, files_of, written
from benchmarks.graphs.large_graphs import KINDS
from benchmarks.harness.children import Child, service
from benchmarks.harness.result import Goal, Result, told
from benchmarks.harness.sampling import Samples, in_models, sampled
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import World, world
from benchmarks.load.firing import Firing, fire
from benchmarks.load.serve import await_path, described, predict_url, write_bodies
from tidemill.artifact import MODEL_FILE
from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.kafka.client.publisher import Publisher

POLL_S = 0.05
SETTLE_S = 2.0
LOAD_S = 60.0
RATE = 5.0
"""Requests a second meanwhile: a dense model of this size takes tens of milliseconds for each."""
DURING, AFTER, RISE = 2.0, 1.1, 0.05


def memory(sizes: Sizes) -> Result:
    """`ours`: MB of the dense model's peak during a swap above the process without a model; `limit`: two models. It is
    measured once: what grows grows every time.
    """
    with world() as place:
        spec = load_models(place.folder / "models")[MODEL]
        runs = {kind: _run(place, spec, sizes, kind) for kind in KINDS}
    dense = runs["dense"]
    result = Result("memory", "MB above the base during a swap", dense["during"] * dense["model MB"])
    result.limit = DURING * dense["model MB"]
    for kind, run in runs.items():
        result.figures |= {f"{kind} {what}": figure for what, figure in told(f"memory, {kind}", 0, run).items()}
        for what, bound in (("during", DURING), ("after", AFTER), ("rise", RISE)):
            result.goals.append(Goal(f"{kind}, {what}", run[what], bound, at_most=True))
    result.runs = [dict(run) for run in runs.values()]
    return result


def _run(place: World, spec: ModelSpec, sizes: Sizes, kind: str) -> dict[str, float]:
    """The first load and the swaps after it, under a few requests. Two graphs take turns."""
    prefix, rows = f"{kind}-", boosted(spec)[1]
    graphs = [files_of(spec, KINDS[kind](spec, sizes.heavy_bytes, seed), rows) for seed in (1, 2)]
    place.create(prefix, 1)
    child = service(place, prefix, "tidemill_inference", "serve", models=MODEL)
    try:
        with Publisher(place.settings(prefix)) as publisher, sampled(child) as samples:
            run = _Run(place, prefix, spec, graphs, publisher, child, samples)
            base = run.base()
            steps = [run.step(1)]
            firing = run.ask(sizes)
            steps += [run.step(version) for version in range(2, sizes.heavy_swaps + 2)]
            firing.child.stop()
    finally:
        child.stop()
    place.drop(prefix)
    return in_models(base, len(graphs[0][MODEL_FILE]) / 2**20, steps)


@dataclass(frozen=True, slots=True)
class _Run:
    place: World
    prefix: str
    spec: ModelSpec
    graphs: list[dict[str, bytes]]
    publisher: Publisher
    child: Child
    samples: Samples

    def base(self) -> float:
        """MB of the process that waits for its first version."""
        await_path(self.child, "/health/live")
        began = time.monotonic()
        time.sleep(SETTLE_S)
        return float(np.median(self.samples.between(began, time.monotonic())))

    def step(self, version: int) -> tuple[float, float]:
        """Publish a version and wait until it has served for a while: the highest memory, and what is left."""
        root = self.place.folder / "artifacts" / self.prefix
        event = written(self.spec, self.graphs[version % 2], root, 1, version)
        began = time.monotonic()
        announce(self.place, self.prefix, self.publisher, event)
        self._await(version)
        served = time.monotonic()
        time.sleep(SETTLE_S)
        end = time.monotonic()
        shutil.rmtree(root)  # twenty of them would be gigabytes
        left = self.samples.between(served + SETTLE_S / 2, end)
        return float(self.samples.between(began, end).max()), float(np.median(left))

    def ask(self, sizes: Sizes) -> Firing:
        """A few requests a second, for as long as it takes."""
        bodies = write_bodies(self.place.folder / f"{self.prefix}bodies", payments(16))
        return fire(predict_url(self.child), bodies, seconds=(sizes.heavy_swaps + 1) * LOAD_S, rate=RATE)

    def _await(self, version: int) -> None:
        deadline = time.monotonic() + LOAD_S
        while described(self.child).get("version") != version:
            self.child.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"version {version} does not serve: {self.child.log.read_text()[-2_000:]}")
            time.sleep(POLL_S)
