"""Watching: `tidemill-drift profile` over events with twenty features, their predictions and their labels, beside a
loop with river and a Faust agent that do as much by hand; and its memory over many predictions.

An event is a clean record with its prediction and, of 98 in 100, its label: all three are read, decoded and joined.
Rates are of processor time, reading from Kafka and all threads included: other work on the machine does not count.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from confluent_kafka import Producer

from benchmarks.drift.events import MODEL, ROLES, contract, encoded
from benchmarks.drift.remembering import LOOKS
from benchmarks.harness.children import Child, python, service
from benchmarks.harness.result import Goal, Result, rotated, told
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import World, world
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import producer_config
from tidemill.kafka.client.producing import produce_all

PARTITIONS = 4
BOUND, GROWTH_MB = 50_000.0, 20.0
CHUNK = 10_000
BATCH = 5_000
PATIENCE_S = 900.0
POLL_S = 0.1
WARM = 0.1
"""The share of the records after which processor time is taken, as the rivals' is."""


def drift(sizes: Sizes) -> Result:
    """`ours`: events a second of processor time; `limit`: reading and decoding the same records, and no more."""
    participants = ["ours", "limit", *(["river", "faust"] if sizes.rivals else [])]
    with world(laid_out=contract) as place:
        records = _fill(place, "", sizes.watched)
        few = _fill(place, "few-", sizes.watched_by_rivals) if sizes.rivals else 0
        each = records / sizes.watched
        runs = []
        for number in range(sizes.runs):
            rates = {who: _rate(place, who, number, records, few) / each for who in rotated(participants, number)}
            runs.append(told("drift", number, rates))
        memory = _memory(place, sizes)
    result = Result.of_runs("drift", "events/s a core", runs)
    result.figures = {f"MB after {count:,} predictions": mb for count, mb in memory}
    result.goals = [
        Goal("events/s a core", result.ours, BOUND),
        Goal("MB more", memory[-1][1] - memory[0][1], GROWTH_MB, at_most=True),
    ]
    return result


def _fill(place: World, prefix: str, events: int) -> int:
    """So many events on topics of this prefix, over all partitions; gives the number of records."""
    topics = place.create(prefix, PARTITIONS)
    producer = Producer(producer_config(place.settings(prefix), batch_size=200_000, compression_type="none"))
    each, records = events // PARTITIONS, 0
    for first in range(0, each, CHUNK):
        for partition in range(PARTITIONS):
            made = encoded(first, min(CHUNK, each - first), partition, place.codec, place.schemas)
            outputs = [
                Output(topics.name(role, MODEL), made.values[role], None, partition)  # type: ignore[arg-type]
                for role in ROLES
            ]
            produce_all(producer, outputs, time.monotonic() + PATIENCE_S)
            records += sum(map(len, outputs))
    if producer.flush(PATIENCE_S):
        raise RuntimeError("the topics could not be filled")
    return records


def _rate(place: World, who: str, number: int, records: int, few: int) -> float:
    """Records a second of processor time."""
    if who == "ours":
        return _ours(place, number, records)
    topics = place.topics("" if who == "limit" else "few-")
    names = [topics.name(role, MODEL) for role in ROLES]  # type: ignore[arg-type]
    folder = str(place.folder)
    if who == "limit":
        arguments = [place.bootstrap, folder, str(records), str(PARTITIONS), str(BATCH), *names]
        return _said(python("benchmarks.drift.decoding", *arguments))
    if who == "river":
        arguments = [place.bootstrap, folder, MODEL, str(few), str(PARTITIONS), *names]
        return _said(python("benchmarks.rivals.river_watching", *arguments))
    arguments = [place.bootstrap, folder, MODEL, str(few), f"watching-{number}", *names]
    return _said(python("benchmarks.rivals.faust_watching", *arguments))


def _ours(place: World, number: int, records: int) -> float:
    """The service with its defaults, as a group of its own that begins at the first record."""
    child = service(place, "", "tidemill_drift", "profile", worker_set=f"run{number}", batch_size=BATCH)
    try:
        begin = _until(child, lambda seen: seen >= records * WARM)
        end = _until(child, lambda seen: seen >= records)
    finally:
        child.stop()
    if end[0] != records:
        raise RuntimeError(f"{end[0]:,.0f} records were profiled, not {records:,}: some twice")
    return (end[0] - begin[0]) / max(1e-9, end[1] - begin[1])


def _until(child: Child, enough: Callable[[float], bool]) -> tuple[float, float]:
    """Records that it has read, and its processor seconds, once they are enough."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        child.check()
        spent = child.cpu_s()
        seen = _seen(child)
        if enough(seen):
            return seen, spent
        if time.monotonic() > deadline:
            raise RuntimeError(f"{seen:,.0f} records after {PATIENCE_S:.0f} s: {child.log.read_text()[-2_000:]}")
        time.sleep(POLL_S)


def _seen(child: Child) -> float:
    try:
        metrics = child.metrics()
    except OSError:  # it has not begun to listen
        return 0.0
    return sum(value for name, value in metrics.items() if name.startswith("tidemill_drift_records_total{"))


def _said(child: Child) -> float:
    """What a process says of its own rate; it is stopped then."""
    return float(_lines(child, "records_s", 1)[0]["records_s"])


def _memory(place: World, sizes: Sizes) -> Sequence[tuple[int, float]]:
    """Predictions and resident MB: at a tenth of them, at the half, at the end."""
    child = python("benchmarks.drift.remembering", str(place.folder), str(sizes.remembered))
    looks = _lines(child, "MB", LOOKS)
    chosen = [looks[at] for at in (LOOKS // 10 - 1, LOOKS // 2 - 1, LOOKS - 1)]
    return [(int(look["predictions"]), float(look["MB"])) for look in chosen]


def _lines(child: Child, key: str, count: int) -> list[dict[str, float]]:
    """So many JSON lines with this key from a process's output; it is stopped then."""
    deadline = time.monotonic() + PATIENCE_S
    try:
        while True:
            lines = [json.loads(line) for line in child.log.read_text().splitlines() if line.startswith("{")]
            found = [line for line in lines if key in line]
            if len(found) >= count:
                return found
            child.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"not done: {child.log.read_text()[-2_000:]}")
            time.sleep(POLL_S)
    finally:
        child.stop()
