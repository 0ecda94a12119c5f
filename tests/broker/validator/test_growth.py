"""A source gets more partitions while it is read: the model's topics grow with it, and each record is judged once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewPartitions

from tests.broker.validator.source_world import PARTITIONS, World, charge, source_registry, world
from tests.support.polling import until
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.topics import check_equal_partitions, ensure_topics, partition_counts
from tidemill.kafka.headers import ORIGIN

GROWN = PARTITIONS + 2


def push(bench: World, partitions: int) -> None:
    """Four charges to each partition."""
    count = 4 * partitions
    values: list[bytes | None] = [json.dumps(charge(k)).encode() for k in range(count)]
    with Publisher(bench.settings) as publisher:
        publisher.publish_all([Output(bench.events, values, None, [k % partitions for k in range(count)])])


def grow(bench: World, *topics: str) -> None:
    client = admin(bench.settings)
    for future in client.create_partitions([NewPartitions(name, GROWN) for name in topics]).values():
        future.result()


def test_a_source_that_grows_while_it_is_read_has_the_models_topics_grow(
    kafka: str, prefix: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMILL_KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS", "1000")  # by itself it takes half a minute
    with source_registry() as (url, _):
        bench = world("json", kafka, prefix, root, tmp_path, url)
        process = bench.spawn()
        try:
            push(bench, PARTITIONS)
            until(lambda: len(bench.read("clean")) == 4 * PARTITIONS, 60, "what came before is judged", every=0.3)
            grow(bench, bench.events)
            push(bench, GROWN)
            wanted = 4 * PARTITIONS + 4 * GROWN
            until(lambda: len(bench.read("clean")) >= wanted, 90, "what came after is judged", every=0.3)
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(timeout=60)
        origins = Counter(dict(headers)[ORIGIN].decode() for *_, headers in bench.read("clean"))
        old = {f"{bench.events}/{p}/{k}" for p in range(PARTITIONS) for k in range(8)}
        new = {f"{bench.events}/{p}/{k}" for p in range(PARTITIONS, GROWN) for k in range(4)}
        assert origins == dict.fromkeys(old | new, 1)
        assert {row[0] for row in bench.read("clean")} == set(range(GROWN))
        audit = bench.cli("audit", "payment", "--json")
        assert (audit.returncode, json.loads(audit.stdout)["holds"]) == (0, True), audit.stderr
        counts = partition_counts(admin(bench.settings), bench.topics().model_topics("payment").values())
        assert {name for name, count in counts.items() if count != GROWN} == {bench.labels}, "it is someone else's"
        status = json.loads(bench.cli("status", "--json").stdout)
        assert f"whoever owns {bench.labels} adds partitions" in status["models"][0]["partitions"]


def test_a_start_has_topics_grow_that_were_left_behind(kafka: str, prefix: str, root: Path, tmp_path: Path) -> None:
    with source_registry() as (url, _):
        bench = world("json", kafka, prefix, root, tmp_path, url)
    client, topics = admin(bench.settings), bench.topics()
    grow(bench, bench.events, bench.labels)
    assert bench.cli("topics", "plan").stdout.count("grow ") == 5
    told = json.loads(bench.cli("status", "--json").stdout)["models"][0]["partitions"]
    assert "`tidemill topics apply`" in told
    done = bench.cli("topics", "apply")
    assert (done.returncode, "have 5 partitions" in done.stdout) == (0, True), done.stderr
    assert check_equal_partitions(client, topics, ["payment"]) == {"payment": GROWN}

    client.create_partitions([NewPartitions(topics.name("clean", "payment"), GROWN + 1)])[
        topics.name("clean", "payment")
    ].result()
    counts = ensure_topics(client, topics, ["payment"], 8)
    assert counts[topics.name("predictions", "payment")] == GROWN + 1
