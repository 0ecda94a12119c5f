"""How long an event takes from push to its prediction, through validator and stream, both exactly once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.cases.stream import release_all
from benchmarks.events import BAD_EVERY, MODEL, bad_among, encoded, payments
from benchmarks.harness.children import Child, drained, service
from benchmarks.harness.result import Goal, Result
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import TRACE, World, world
from benchmarks.load.open_loop import paced
from tidemill.kafka.client.bounded import groupless_consumer
from tidemill.kafka.client.clients import producer_config
from tidemill.kafka.headers import TRACEPARENT

P95_MS, P99_MS = 250.0, 500.0
PARTITIONS = 4
WARM_S = 3.0
PATIENCE_S = 60.0


@dataclass(slots=True)
class Clocks:
    """When each event was pushed and when its prediction could be read, in s (`time.perf_counter`)."""

    pushed: np.ndarray
    seen: list[tuple[float, list[bytes]]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


def latency(sizes: Sizes) -> Result:
    """`ours` is the median of the runs' p95, `limit` what it must stay below."""
    with world() as place:
        runs = [_run(place, sizes, f"l{number}-") for number in range(min(3, sizes.runs))]
    result = Result.of_runs("latency", "ms p95", [{"ours": run["p95"], **run} for run in runs])
    result.figures, result.rivals = dict(result.rivals), {}
    result.limit = P95_MS
    result.goals = [
        Goal("p95 ms", result.ours, P95_MS, at_most=True),
        Goal("p99 ms", result.figures["p99"], P99_MS, at_most=True),
        Goal("lost or double", result.figures["lost or double"], 0, at_most=True),
    ]
    return result


def _run(place: World, sizes: Sizes, prefix: str) -> dict[str, float]:
    topics = place.create(prefix, PARTITIONS)
    release_all(place, prefix, PARTITIONS)
    children = [
        service(place, prefix, "tidemill_validator"),
        service(place, prefix, "tidemill_inference", "stream"),
    ]
    raw, predictions = topics.name("raw", MODEL), topics.name("predictions", MODEL)
    warm = int(WARM_S * sizes.latency_rate)
    events = warm + int(sizes.latency_s * sizes.latency_rate)
    clocks = Clocks(np.zeros(events))
    reader = threading.Thread(target=_read, args=(place, predictions, clocks), daemon=True)
    try:
        _await_first(place, children, raw, predictions)
        reader.start()
        _push(place, raw, sizes.latency_rate, clocks)
        good = events - bad_among(0, events)
        drained(place, children, [predictions], good, PATIENCE_S)
    finally:
        clocks.done.set()
        for child in children:
            child.stop()
    reader.join(10)
    figures = _figures(place, clocks, warm, events)
    place.drop(prefix)
    return figures


def _await_first(place: World, children: list[Child], raw: str, predictions: str) -> None:
    """Both services have joined their groups when the first events are predicted; those are left out later."""
    place.fill(raw, PARTITIONS, PARTITIONS, first=10**9)
    drained(place, children, [predictions], PARTITIONS, PATIENCE_S)


def _push(place: World, raw: str, rate: int, clocks: Clocks) -> None:
    """Push at an even pace, a few events every 10 ms, each stamped as it is handed to the client."""
    events = len(clocks.pushed)
    keys, values = encoded(payments(events, at_ms=int(time.time() * 1000)), place.codec, place.schemas.record(MODEL))
    producer = Producer(producer_config(place.settings("")) | {"linger.ms": 1})
    trace = [(TRACEPARENT, TRACE)]
    for numbers in paced(events, rate):
        for k in numbers:
            clocks.pushed[k] = time.perf_counter()
            producer.produce(raw, values[k], keys[k], k % PARTITIONS, headers=trace)
        producer.poll(0)
    producer.flush(PATIENCE_S)


def _read(place: World, predictions: str, clocks: Clocks) -> None:
    consumer: Consumer = groupless_consumer(place.settings(""), "bench-latency", fetch_wait_max_ms=10)
    consumer.assign([TopicPartition(predictions, k, 0) for k in range(PARTITIONS)])
    while not clocks.done.is_set():
        messages = consumer.consume(500, 0.002)
        now = time.perf_counter()
        values = [message.value() for message in messages if message.error() is None]
        if values:
            clocks.seen.append((now, values))
    consumer.close()


def _figures(place: World, clocks: Clocks, warm: int, events: int) -> dict[str, float]:
    schema = place.schemas.prediction(MODEL)
    numbers: list[int] = []
    times: list[float] = []
    for now, values in clocks.seen:
        ids = place.codec.decode(values, schema).rows.column("event_id").to_pylist()
        numbers += [int(one[1:]) for one in ids]
        times += [now] * len(ids)
    found, at = np.array(numbers), np.array(times)
    pushed = found < events
    found, at = found[pushed], at[pushed]
    times_seen = np.bincount(found, minlength=events)
    expected = np.ones(events, dtype=np.int64)
    expected[BAD_EVERY - 1 :: BAD_EVERY] = 0
    took = (at - clocks.pushed[found])[found >= warm] * 1000
    p50, p95, p99, top = np.percentile(took, [50, 95, 99, 100]).tolist()
    wrong = float(np.count_nonzero(times_seen != expected))
    return {"p50": p50, "p95": p95, "p99": p99, "max": top, "lost or double": wrong}
