"""`serve` and `stream` at work, fired at, while versions are published."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmarks.events import MODEL, payments
from benchmarks.graphs.boosted import announce, publish
from benchmarks.graphs.variants import Variants
from benchmarks.harness.children import Child, drained, last_words, service
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import World
from benchmarks.load.firing import Firing, fire
from benchmarks.load.open_loop import Pushing
from benchmarks.load.readback import Answers, answers, predictions, published_ms
from benchmarks.load.serve import await_path, described, predict_url, write_bodies
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.model_file import load_models
from tidemill.kafka.client.publisher import Publisher

PARTITIONS = 4
BODIES = payments(256, first=10**6)
CONNECTIONS = 64
WARM_S = 3.0
PATIENCE_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left. `load`: the generator's result; `history`: what serve says of its switches; `published`: ms by
    epoch; `pushed`: how many records were pushed to the clean topic, number k of `rows` to partition k modulo 4.
    """

    load: dict[str, Any]
    answers: Answers
    predictions: pa.Table
    history: list[dict[str, Any]]
    published: dict[int, int]
    rows: pa.RecordBatch
    pushed: int


@dataclass(frozen=True, slots=True)
class Fight:
    """A platform of one prefix, running. Records go through the stream from the start."""

    place: World
    prefix: str
    serve: Child
    stream: Child
    events: list[ModelVersion]
    publisher: Publisher
    pushing: Pushing

    def fire(self, rate: float, seconds: float) -> Firing:
        """Begin to ask at `rate`; every request is written down."""
        folder = self.place.folder
        bodies = write_bodies(folder / f"{self.prefix}bodies", BODIES)
        records = folder / f"{self.prefix}records"
        url = predict_url(self.serve)
        return fire(
            url, bodies, seconds=seconds, warm_s=WARM_S, rate=rate, connections=CONNECTIONS, records=records
        )  # fmt: skip

    def release(self, version: int) -> None:
        """Publish a version."""
        announce(self.place, self.prefix, self.publisher, self.events[version - 1])

    def run(self, rate: float, sizes: Sizes) -> Outcome:
        """A steady while, the swaps, a steady while; then everything is read back."""
        firing = self.fire(rate, 2 * sizes.steady_s + sizes.swaps * sizes.swap_every_s)
        due = time.monotonic() + WARM_S + sizes.steady_s
        for version in range(2, sizes.swaps + 2):
            time.sleep(max(0.0, due - time.monotonic()))
            self._await_serving(version - 1)
            self.release(version)
            due += sizes.swap_every_s
        load = firing.result()
        history = described(self.serve)["history"]
        pushed = self.pushing.stop()
        assert firing.records is not None
        found = answers([firing.records])
        topic = self._topic("predictions", MODEL)
        drained(self.place, [self.serve, self.stream], [topic], pushed + int(found.good.sum()), PATIENCE_S)
        self.serve.stop()  # which writes what its log still holds
        published = published_ms(self.place, self._topic("model_versions"))
        table = predictions(self.place, topic)
        return Outcome(load, found, table, history, published, self.pushing.rows, pushed)

    def _await_serving(self, version: int) -> None:
        """Wait until both serve a version, which they usually do long since: none is to be passed over."""
        deadline = time.monotonic() + PATIENCE_S
        while self._epochs() != (version, version):
            if time.monotonic() > deadline:
                raise RuntimeError(f"version {version} does not serve: {last_words([self.serve, self.stream])}")
            time.sleep(POLL_S)

    def _epochs(self) -> tuple[float, float]:
        return described(self.serve)["epoch"], self.stream.metrics()[f'tidemill_model_epoch{{model="{MODEL}"}}']

    def _topic(self, role: str, model: str = "") -> str:
        topics = self.place.topics(self.prefix)
        return topics.name(role, model) if model else topics.name(role)


@contextmanager
def fight(place: World, prefix: str, variants: Variants, sizes: Sizes, seconds: float) -> Iterator[Fight]:
    """Start everything, with version 1 of `variants` served and the others' artifacts in the store; records are pushed
    for at most `seconds` and some. All of it goes at the end.
    """
    topics = place.create(prefix, PARTITIONS)
    spec = load_models(place.folder / "models")[MODEL]
    root = place.folder / "artifacts" / prefix
    events = [
        publish(spec, graph, variants.rows, root, PARTITIONS, version)
        for version, graph in enumerate(variants.graphs, start=1)
    ]
    most = int((seconds + PATIENCE_S) * sizes.stream_rate)
    pushing = Pushing(place, topics.name("clean", MODEL), sizes.stream_rate, most, PARTITIONS)
    children: list[Child] = []
    with Publisher(place.settings(prefix)) as publisher:
        try:
            for command in ("serve", "stream"):
                children.append(service(place, prefix, "tidemill_inference", command, models=MODEL))
            here = Fight(place, prefix, children[0], children[1], events, publisher, pushing)
            here.release(1)
            for child in children:
                await_path(child)
            pushing.start()
            yield here
        finally:
            pushing.stop()
            for child in children:
                child.stop()
    place.drop(prefix)
