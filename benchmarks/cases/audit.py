"""Memory of `tidemill audit` over millions of records: it must not grow with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat

import psutil
import pyarrow as pa
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition

from benchmarks.cases.stream import release_all
from benchmarks.events import MODEL
from benchmarks.harness.result import Goal, Result
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import CHUNK, FILL_S, VAR, World, world
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin, producer_config
from tidemill.kafka.client.producing import produce_all
from tidemill.kafka.headers import ORIGIN, Headers
from tidemill_operations.standing import groups

GROWTH_MB = 30.0
PARTITIONS = 4
PREFIX = "a-"
TOPICS = 3
"""Raw, clean and predictions: an audit reads every record of each."""
WATCH_S = 0.05
AT_MS = 1_760_000_000_000


def audit(sizes: Sizes) -> Result:
    """Peak resident memory of the command after few and after many records; `ours` is how much more, in MB."""
    with world() as place:
        topics = place.create(PREFIX, PARTITIONS)
        release_all(place, PREFIX, PARTITIONS)
        fill(place, topics, 0, sizes.audit_few)
        few_mb, few_s = measure(place, sizes.audit_few)
        fill(place, topics, sizes.audit_few, sizes.audit_many)
        many_mb, many_s = measure(place, sizes.audit_many)
    result = Result("audit", "MB more for the larger number of records", many_mb - few_mb, limit=GROWTH_MB)
    read = sizes.audit_many * TOPICS
    result.figures = {
        f"MB at {sizes.audit_few * TOPICS:,} records": few_mb,
        f"MB at {read:,} records": many_mb,
        "records/s": read / many_s,
        "s for few": few_s,
        "s for many": many_s,
    }
    result.goals = [Goal("MB more", many_mb - few_mb, GROWTH_MB, at_most=True)]
    return result


def fill(place: World, topics: TopicCatalog, first: int, upto: int) -> None:
    """Raw records number `first` to `upto`, in turn over the partitions; each accepted and predicted, and passed."""
    producer = Producer(producer_config(place.settings(PREFIX), batch_size=500_000, linger_ms=50))
    raw = topics.name("raw", MODEL)
    for start in range(first, upto, CHUNK):
        numbers = range(start, min(start + CHUNK, upto))
        partitions = [k % PARTITIONS for k in numbers]
        values = [b"%d" % k for k in numbers]
        headers: list[Headers] = [[(ORIGIN, f"{raw}/{k % PARTITIONS}/{k // PARTITIONS}".encode())] for k in numbers]
        outputs = [
            Output(raw, values, values, partitions, None),
            Output(topics.name("clean", MODEL), values, values, partitions, headers),
            Output(topics.name("predictions", MODEL), predicted(place, numbers), values, partitions, None),
        ]
        produce_all(producer, outputs, time.monotonic() + FILL_S)
    if producer.flush(FILL_S):
        raise RuntimeError("the topics could not be filled")
    passed(place, topics, upto)


def predicted(place: World, numbers: range) -> list[bytes]:
    """Predictions of these clean records."""
    n = len(numbers)
    at = pa.array(list(repeat(AT_MS, n)), pa.timestamp("ms", tz="UTC"))
    rows = pa.record_batch(
        {
            "prediction_id": [f"p{k}" for k in numbers],
            "event_id": [f"e{k}" for k in numbers],
            "model": list(repeat(MODEL, n)),
            "source": list(repeat("stream", n)),
            "event_time": at,
            "predicted_at": at,
            "version": pa.array(repeat(1, n), pa.int32(), size=n),
            "epoch": pa.array(repeat(1, n), pa.int64(), size=n),
            "arm": list(repeat("champion", n)),
            "probability": list(repeat(0.5, n)),
            "input_partition": pa.array([k % PARTITIONS for k in numbers], pa.int32()),
            "input_offset": pa.array([k // PARTITIONS for k in numbers], pa.int64()),
            "input": pa.nulls(n, pa.binary()),
        }
    )
    return place.codec.encode(rows, place.schemas.prediction(MODEL))


def passed(place: World, topics: TopicCatalog, upto: int) -> None:
    """What the workers' groups would have committed."""
    client = admin(place.settings(PREFIX))
    for role, group in (("raw", groups.VALIDATOR), ("clean", groups.STREAM)):
        topic = topics.name(role, MODEL)
        ends = [(upto - number + PARTITIONS - 1) // PARTITIONS for number in range(PARTITIONS)]
        offsets = [TopicPartition(topic, number, end) for number, end in enumerate(ends)]
        request = [ConsumerGroupTopicPartitions(topics.group(group), offsets)]
        for future in client.alter_consumer_group_offsets(request).values():
            future.result(30)


def measure(place: World, records: int) -> tuple[float, float]:
    """Peak resident memory (MB) and seconds of `tidemill audit`, which must prove all of it."""
    settings = place.settings(PREFIX)
    environment = os.environ | {
        "TIDEMILL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap, "TIDEMILL_PREFIX": PREFIX,
        "TIDEMILL_SCHEMAS": str(settings.schemas), "TIDEMILL_MODELS_DIR": str(settings.models_dir),
    }  # fmt: skip
    answer = VAR / "audit-answer.json"
    began = time.monotonic()
    with answer.open("w") as out:
        command = [sys.executable, "-m", "tidemill_cli", "audit", MODEL, "--json"]
        process = subprocess.Popen(command, env=environment, stdout=out)
        peak = watched(process.wait, psutil.Process(process.pid))
    seconds = time.monotonic() - began
    proof = json.loads(answer.read_text())
    answer.unlink()
    if not proof["holds"] or proof["waiting"] or any(proof["records"][r] != records for r in ("raw", "predictions")):
        raise RuntimeError(f"the audit did not prove what was written: {proof}")
    print(f"audit of {records * TOPICS:,} records: {peak:,.0f} MB, {seconds:.1f} s", file=sys.stderr, flush=True)
    return peak, seconds


def watched(wait: Callable[[float], int], process: psutil.Process) -> float:
    """The most that a process has held resident, looked at until it ends."""
    most = 0
    while True:
        with suppress(psutil.NoSuchProcess):
            most = max(most, process.memory_info().rss)
        try:
            wait(WATCH_S)
        except subprocess.TimeoutExpired:
            continue
        return most / 2**20
