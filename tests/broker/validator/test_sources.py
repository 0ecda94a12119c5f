"""Topics that exist already, in every format, through a validator process: producers change nothing, clean is Avro."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.cimpl import NewTopic

from tests.broker.validator.registry_stub import Schemas
from tests.broker.validator.source_world import (
    AT_MS,
    CASES,
    COUNT,
    PARTITIONS,
    World,
    charge,
    source_registry,
    world,
)
from tests.support.polling import until
from tidemill.codec import Codec
from tidemill.codec.registry.http import HttpRegistry
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.errors import ConfigError
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.topics import check_topics, ensure_topics, partition_counts
from tidemill.kafka.dead_letters import parse_dead_letter
from tidemill.kafka.headers import ORIGIN

pytestmark = pytest.mark.long

SECOND = """
model: big-spender
schema: payment.avsc
entity: customer
event_time: paid_at
source: {topic: %s, event_id: coordinates, %s}
target: {label: big, task: binary}
features: {amount: number}
expectations:
  - expect_column_values_to_be_between: {column: amount, min_value: 10}
"""


@pytest.fixture
def registry() -> Iterator[tuple[str, Schemas]]:
    with source_registry() as found:
        yield found


@pytest.mark.parametrize("case", CASES)
def test_a_source_is_read_as_it_is(
    case: str, kafka: str, prefix: str, root: Path, tmp_path: Path, registry: tuple[str, Schemas]
) -> None:
    bench = world(case, kafka, prefix, root, tmp_path, registry[0])
    _, good, bad = CASES[case]
    values: list[bytes | None] = [good(k) for k in range(COUNT)]
    values[7] = bad
    values[8] = good(-2)  # readable, and below what is expected of it
    parts = [k % PARTITIONS for k in range(COUNT)]
    headers: list[Any] = [[("trace", b"%d" % k)] for k in range(COUNT)]
    verdicts: list[bytes | None] = [
        json.dumps({"payment": f"p{k}", "verdict": {"fraud": k % 2 == 0}, "paid": "2023-11-14T22:13:20Z"}).encode()
        for k in range(5)
    ]
    with Publisher(bench.settings) as publisher:
        publisher.publish_all(
            [Output(bench.events, values, [b"\0key"] * COUNT, parts, headers), Output(bench.labels, verdicts)]
        )
    process = bench.spawn()
    try:
        until(
            lambda: [len(bench.read(role)) for role in ("clean", "raw_dlq", "labels")] == [COUNT - 2, 2, 5], 60,
            "all is judged", every=0.3,
        )  # fmt: skip
    finally:
        process.terminate()
        process.wait(timeout=60)

    schemas = SchemaCatalog.load(bench.settings.schemas, load_models(bench.settings.models_dir))
    codec = Codec(schemas, HttpRegistry(registry[0]))
    sent = {(parts[k], k // PARTITIONS): k for k in range(COUNT)}
    for partition, _, key, value, given in bench.read("clean"):
        origin = dict(given)[ORIGIN].decode()
        k = sent[partition, int(origin.rpartition("/")[2])]
        assert origin.startswith(f"{bench.events}/{partition}/")
        assert codec.decode_one(value, schemas.record("payment")) == {
            "event_id": f"{bench.events}-{partition}-{k // PARTITIONS}", "paid_at": AT_MS + k,
            "customer": str(k % 5), "amount": k / 2,
        }  # fmt: skip
        assert key == str(k % 5).encode()
        assert ("trace", b"%d" % k) in given
    dead = {sent[p, parse_dead_letter(h)[2]]: (key, value, h[0]) for p, _, key, value, h in bench.read("raw_dlq")}  # type: ignore[index]
    assert dead == {k: (b"\0key", values[k], ("trace", b"%d" % k)) for k in (7, 8)}
    audit = bench.cli("audit", "payment", "--json")
    assert (audit.returncode, json.loads(audit.stdout)["holds"]) == (0, True)
    label = codec.decode_one(bench.read("labels")[0][3], schemas.label("payment"))
    assert label["event_time"] == AT_MS
    assert label["observed_at"] > AT_MS
    assert_traced(bench)
    assert_report(bench, tmp_path / "quality.html")
    assert_replay(bench, no_event=case.startswith("debezium"))


def assert_traced(bench: World) -> None:
    """Events whose id is their position are found by it, good or set aside."""
    good = json.loads(bench.cli("trace", f"{bench.events}-1-4", "--json").stdout)
    assert [step["stage"] for step in good["steps"]] == ["raw", "clean"]
    assert good["steps"][0]["place"] == f"{bench.events}/1/4"
    dead = json.loads(bench.cli("trace", f"{bench.events}-2-2", "--json").stdout)
    assert [step["stage"] for step in dead["steps"]] == ["raw", "dead letter"]
    assert "amount" in dead["steps"][1]["facts"]["reason"]


def assert_report(bench: World, page: Path) -> None:
    """The examples of the report are records of the source, in the model's fields."""
    done = bench.cli("quality", "payment", "--html", str(page))
    assert done.returncode == 0, done.stderr
    assert f"{bench.events}-2-2</code>" in page.read_text(), "the event id that is the record's position"
    assert "<code>-1.0</code>" in page.read_text()
    assert "not readable" not in page.read_text().split("between")[-1]


def assert_replay(bench: World, no_event: bool) -> None:
    """Nothing goes back to a topic of someone else's unless it is said; a deleted row never does by itself."""
    refused = bench.cli("dlq", "replay")
    assert (refused.returncode, "--to-external" in refused.stderr) == (2, True)
    assert len(bench.read("raw")) == COUNT
    done = bench.cli("dlq", "replay", "--to-external")
    assert (done.returncode, len(bench.read("raw"))) == (0, COUNT + (1 if no_event else 2)), done.stderr
    first, back = [[r for r in bench.read("raw") if (r[1] >= COUNT // PARTITIONS) is late] for late in (False, True)]
    assert all((r[0], *r[2:]) in [(f[0], *f[2:]) for f in first] for r in back), "partition, key, bytes, headers"


def test_two_models_read_one_topic_each_by_its_own_rules(
    kafka: str, prefix: str, root: Path, tmp_path: Path, registry: tuple[str, Schemas]
) -> None:
    bench = world("json", kafka, prefix, root, tmp_path, registry[0])
    second = SECOND % (bench.events, CASES["json"][0])
    (bench.settings.models_dir / "big-spender.yaml").write_text(second)
    ensure_topics(admin(bench.settings), bench.topics(), ["payment", "big-spender"], 8)
    values: list[bytes | None] = [json.dumps(charge(k)).encode() for k in range(COUNT)]
    with Publisher(bench.settings) as publisher:
        publisher.publish_all([Output(bench.events, values, None, [k % PARTITIONS for k in range(COUNT)])])
    counts = {("clean", "payment"): COUNT, ("raw_dlq", "payment"): 0,
              ("clean", "big-spender"): COUNT - 20, ("raw_dlq", "big-spender"): 20}  # fmt: skip
    process = bench.spawn()
    try:
        until(lambda: {at: len(bench.read(*at)) for at in counts} == counts, 60, "both have judged all", every=0.3)
    finally:
        process.terminate()
        process.wait(timeout=60)

    for model in ("payment", "big-spender"):
        audit = bench.cli("audit", model, "--json")
        assert (audit.returncode, json.loads(audit.stdout)["holds"]) == (0, True), audit.stderr
    small = bench.cli("dlq", "list", "--model", "big-spender").stdout
    assert "expect_column_values_to_be_between" in small
    assert "no dead letters" in bench.cli("dlq", "list", "--model", "payment").stdout


def test_a_model_whose_source_is_missing_waits_alone_and_goes_on_when_it_is_there(
    kafka: str, prefix: str, root: Path, tmp_path: Path, registry: tuple[str, Schemas]
) -> None:
    bench = world("json", kafka, prefix, root, tmp_path, registry[0])
    later, client = f"{prefix}ops.later", admin(bench.settings)
    (bench.settings.models_dir / "big-spender.yaml").write_text(SECOND % (later, CASES["json"][0]))
    ensure_topics(client, bench.topics(), ["payment", "big-spender"], 8)
    assert sorted(check_topics(client, bench.topics(), ["payment", "big-spender"])) == ["big-spender"]
    values: list[bytes | None] = [json.dumps(charge(k)).encode() for k in range(COUNT)]
    with Publisher(bench.settings) as publisher:
        publisher.publish_all([Output(bench.events, values, None, [k % PARTITIONS for k in range(COUNT)])])
    process = bench.spawn()
    try:
        until(lambda: len(bench.read("clean")) == COUNT, 60, "the other model is served", every=0.3)
        told = {m["model"]: m["partitions"] for m in json.loads(bench.cli("status", "--json").stdout)["models"]}
        assert told["payment"] is None
        assert f"the source of big-spender is not there, or may not be seen: {later}" in told["big-spender"]

        applied = bench.cli("topics", "apply")
        assert (applied.returncode, "waits for its source" in applied.stderr) == (0, True), applied.stderr
        client.create_topics([NewTopic(later, PARTITIONS, 1)])[later].result()
        until(lambda: later in partition_counts(client, [later]), 60, "it is there")
        applied = bench.cli("topics", "apply")
        assert (applied.returncode, "created" in applied.stdout) == (0, True), applied.stderr
        with Publisher(bench.settings) as publisher:
            publisher.publish_all([Output(later, values, None, [k % PARTITIONS for k in range(COUNT)])])
        counts = {("clean", "big-spender"): COUNT - 20, ("raw_dlq", "big-spender"): 20}
        until(lambda: {at: len(bench.read(*at)) for at in counts} == counts, 90, "it is judged too", every=0.3)
        assert process.poll() is None and len(bench.read("clean")) == COUNT
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_where_the_sources_of_all_models_are_missing_it_is_refused_with_what_to_do(
    kafka: str, prefix: str, root: Path, tmp_path: Path, registry: tuple[str, Schemas]
) -> None:
    bench = world("json", kafka, prefix, root, tmp_path, registry[0])
    (bench.settings.models_dir / "big-spender.yaml").write_text(SECOND % (f"{prefix}ops.never", CASES["json"][0]))
    for check in (check_topics, partial(ensure_topics, partitions=8)):
        with pytest.raises(ConfigError, match="whoever owns it creates it"):
            check(admin(bench.settings), bench.topics(), ["big-spender"])
