"""Collect loses no row of a topic that was deleted and made anew, takes none twice, and says what was removed."""

from __future__ import annotations

import urllib.request

from confluent_kafka import TopicPartition
from deltalake import DeltaTable
from prometheus_client.parser import text_string_to_metric_families

from tests.broker.trainer.world import MODEL, PARTITIONS, World
from tests.support.polling import until
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.topics import ensure_topics, partition_counts


def make_anew(world: World) -> None:
    """The clean topic."""
    clean, client = world.catalog.name("clean", MODEL), admin(world.settings)
    client.delete_topics([clean])[clean].result(30)
    until(lambda: not partition_counts(client, [clean]), 60, "the topic is gone")

    def made() -> bool:
        try:
            ensure_topics(client, world.catalog, world.specs, PARTITIONS)
        except Exception:  # noqa: BLE001 - brokers are still about to delete it
            return False
        return bool(partition_counts(client, [clean]))

    until(made, 60, "it is made anew")


def remove_below(world: World, offset: int) -> None:
    """As retention does, at once: of both partitions of clean."""
    below = [TopicPartition(world.catalog.name("clean", MODEL), number, offset) for number in range(PARTITIONS)]
    client = admin(world.settings)  # held on to: a client that is dropped ends its requests
    for future in client.delete_records(below).values():
        future.result(30)


def collected(world: World) -> list[int]:
    """Numbers of the events in the table, in order."""
    place = str(world.folder / "tables" / f"{world.settings.prefix}{MODEL}")
    if not DeltaTable.is_deltatable(place):
        return []
    ids = DeltaTable(place).to_pyarrow_dataset().to_table(columns=["_event_id"]).column("_event_id")
    return sorted(int(event_id.removeprefix("e")) for event_id in ids.to_pylist())


def counted(world: World, name: str) -> float:
    """A counter of the trainer that was started last, of the clean topic."""
    said = [line for line in world.log()[world.log_at_start :].splitlines() if line.startswith("trainer: ")]
    if not said:  # it does not listen yet
        return 0.0
    with urllib.request.urlopen(said[0].split()[1], timeout=5) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    topic = world.catalog.name("clean", MODEL)
    return sum(sample.value for sample in samples if sample.labels["topic"] == topic)


def test_a_topic_made_anew_is_collected_from_its_beginning_once_and_what_was_removed_unread_is_counted(
    world: World,
) -> None:
    expected = list(range(200))
    world.push_events(0, 200)
    world.start()
    until(lambda: collected(world) == expected, 120, "the first topic is collected")

    make_anew(world)
    until(lambda: counted(world, "tidemill_topic_made_anew_total") == PARTITIONS, 60, "the new topic is recognised")
    world.push_events(1_000, 60)  # fewer than the old one had: all lie below its end
    expected += range(1_000, 1_060)
    until(lambda: collected(world) == expected, 60, "the second topic is collected")
    assert world.stop() == 0

    make_anew(world)
    world.push_events(2_000, 300)  # more than the old one had
    world.start()
    expected += range(2_000, 2_300)
    until(lambda: collected(world) == expected, 120, "the third topic is collected")
    assert counted(world, "tidemill_topic_made_anew_total") == PARTITIONS
    assert world.stop() == 0

    world.push_events(4_000, 140)  # 80 records go to partition 0, and 60 to partition 1
    remove_below(world, 185)
    world.start()
    until(lambda: counted(world, "tidemill_removed_unread_total") > 0, 120, "the loss is counted")
    world.push_events(5_000, 7)
    until(lambda: collected(world)[-7:] == [*range(5_000, 5_007)], 60, "what is left is collected")
    lost = {*range(4_000, 4_140)} - {*collected(world)}
    assert counted(world, "tidemill_removed_unread_total") == len(lost) > 0
    assert counted(world, "tidemill_topic_made_anew_total") == 0, "a restart goes on in the same topic"
    assert len(collected(world)) == len({*collected(world)})
    assert "were removed (retention, or by hand) before they were read" in world.log()
