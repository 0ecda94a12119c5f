"""A source that was deleted and made anew has its offsets a second time: ids of coordinates do not come again, and what
was made of either topic is told apart.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from confluent_kafka.cimpl import NewTopic

from tests.broker.validator.source_world import CASES, PARTITIONS, World, source_registry, world
from tests.support.kafka.made_anew import make_anew
from tests.support.polling import until
from tidemill.codec import Codec
from tidemill.codec.registry.http import HttpRegistry
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill_operations.standing.lag import Offsets
from tidemill_operations.standing.made_anew import MadeAnew

OLD, NEW = 12, 18
"""Events in either topic; each has one more that is set aside."""


def push(bench: World, count: int) -> None:
    _, good, bad = CASES["json"]
    values: list[bytes | None] = [*(good(k) for k in range(count)), bad]
    with Publisher(bench.settings) as publisher:
        publisher.publish_all([Output(bench.events, values, None, [k % PARTITIONS for k in range(len(values))])])


def event_ids(bench: World, registry: str) -> list[str]:
    schemas = SchemaCatalog.load(bench.settings.schemas, load_models(bench.settings.models_dir))
    codec, record = Codec(schemas, HttpRegistry(registry)), schemas.record("payment")
    return [str(codec.decode_one(value, record)["event_id"]) for *_, value, _ in bench.read("clean")]


def create(bench: World) -> None:
    client = admin(bench.settings)  # held on to: a client that is dropped ends its requests
    client.create_topics([NewTopic(bench.events, PARTITIONS, 1)])[bench.events].result(30)


def wait_for(bench: World, clean: int, dead: int) -> None:
    def counts() -> list[int]:
        return [len(bench.read(role)) for role in ("clean", "raw_dlq")]

    until(lambda: counts() == [clean, dead], 90, lambda: f"all is judged, but {counts()}", every=0.3)


def test_events_of_a_source_made_anew_have_ids_of_their_own_and_audit_trace_doctor_and_status_tell_them_apart(
    kafka: str, prefix: str, root: Path, tmp_path: Path
) -> None:
    with source_registry() as (registry, _):
        bench = world("json", kafka, prefix, root, tmp_path, registry)
        push(bench, OLD)
        process = bench.spawn()
        try:
            wait_for(bench, OLD, 1)
            old = event_ids(bench, registry)
            assert all(re.fullmatch(rf"{re.escape(bench.events)}-\d+-\d+", event_id) for event_id in old)
            make_anew(bench.settings, bench.events, lambda: create(bench))
            group, offsets = f"{bench.settings.prefix}validator-all", Offsets(bench.settings)
            until(
                lambda: MadeAnew.of(offsets, offsets.places(group)).times == {bench.events: 1},
                60,
                "it is recognised",
                every=0.3,
            )
            push(bench, NEW)
            wait_for(bench, OLD + NEW, 2)
        finally:
            process.kill()
            process.wait(timeout=60)
        process = bench.spawn()  # what is committed says that it was made anew: a restart makes the same ids
        try:
            push(bench, NEW)
            wait_for(bench, OLD + 2 * NEW, 3)
        finally:
            process.terminate()
            process.wait(timeout=60)
        check_new(bench, registry, old, 2)


def test_a_source_made_anew_while_no_validator_ran_is_known_by_the_id_that_outlived_it(
    kafka: str, prefix: str, root: Path, tmp_path: Path
) -> None:
    with source_registry() as (registry, _):
        bench = world("json", kafka, prefix, root, tmp_path, registry)
        push(bench, OLD)
        process = bench.spawn()
        try:
            wait_for(bench, OLD, 1)
            old = event_ids(bench, registry)
        finally:
            process.terminate()
            process.wait(timeout=60)
        make_anew(bench.settings, bench.events, lambda: create(bench))
        push(bench, NEW)
        group, offsets = f"{bench.settings.prefix}validator-all", Offsets(bench.settings)
        until(
            lambda: bench.events not in {topic for topic, _ in offsets.places(group)}, 60, "Kafka forgets the group's"
        )
        assert said_by_doctor(bench)[0].startswith(f"{bench.events} was deleted and made anew while no validator ran")
        audit = json.loads(bench.cli("audit", "payment", "--json").stdout)
        assert (audit["holds"], audit["waiting"], audit["made_anew"]) == (True, NEW + 1, {bench.events: OLD + 1})
        process = bench.spawn()
        try:
            wait_for(bench, OLD + NEW, 2)
        finally:
            process.kill()
            process.wait(timeout=60)
        check_new(bench, registry, old, 1)


def check_new(bench: World, registry: str, old: list[str], rounds: int) -> None:
    topic_id = TopicIds(lambda: admin(bench.settings)).of([bench.events])[bench.events]
    ids = event_ids(bench, registry)
    assert len(set(ids)) == len(ids) == OLD + rounds * NEW
    new = sorted(set(ids) - set(old))
    assert all(re.fullmatch(rf"{re.escape(f'{bench.events}@{topic_id}')}-\d+-\d+", event_id) for event_id in new)

    audit = json.loads(bench.cli("audit", "payment", "--json").stdout)
    assert (audit["holds"], audit["waiting"], audit["made_anew"]) == (True, 0, {bench.events: OLD + 1})
    assert audit["findings"][0]["expected"] == rounds * (NEW + 1)
    told = bench.cli("audit", "payment").stdout
    assert f"made anew: {bench.events}; {OLD + 1} results of the topic before it are compared with nothing" in told

    place = f"{bench.events}/1/2"
    found = json.loads(bench.cli("trace", f"{bench.events}@{topic_id}-1-2", "--json").stdout)
    assert [step["stage"] for step in found["steps"]] == ["raw", "clean"]
    assert found["steps"][0]["place"] == place
    gone = json.loads(bench.cli("trace", f"{bench.events}-1-2", "--json").stdout)
    assert [step["stage"] for step in gone["steps"]] == ["clean"], "its raw record is gone; another is at its place"

    [group] = [g for g in json.loads(bench.cli("status", "--json").stdout)["groups"] if "validator" in g["group"]]
    assert (group["made_anew"], group["lag"]) == ([bench.events], 0)
    [said] = said_by_doctor(bench)
    assert said.startswith(
        f"{bench.events} was deleted and made anew since {bench.settings.prefix}validator-all reads it (1x)"
    )


def said_by_doctor(bench: World) -> list[str]:
    found = json.loads(bench.cli("doctor", "--json").stdout)
    return [one["text"] for one in found if one["check"] == "made anew"]
