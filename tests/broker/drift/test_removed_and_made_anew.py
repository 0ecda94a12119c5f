"""Profiles of a topic that was deleted and made anew begin at its first record; what was removed unread is said."""

from __future__ import annotations

from confluent_kafka import TopicPartition

from tests.broker.drift.conftest import MODEL, PARTITIONS, World
from tests.support.polling import until
from tidemill.kafka.client.bounded import groupless_consumer
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.topics import ensure_topics, partition_counts
from tidemill.kafka.partitions.marks import Mark

DEADLINE_S = 120


def make_anew(world: World, topic: str) -> None:
    client = admin(world.settings)
    client.delete_topics([topic])[topic].result(30)
    until(lambda: not partition_counts(client, [topic]), 60, "the topic is gone")

    def made() -> bool:
        try:
            ensure_topics(client, world.topics, [MODEL], PARTITIONS)
        except Exception:  # noqa: BLE001 - brokers are still about to delete it
            return False
        return bool(partition_counts(client, [topic]))

    until(made, 60, "it is made anew")


def remove_below(world: World, topic: str, offset: int) -> None:
    """As retention does, at once: of all partitions."""
    client = admin(world.settings)  # held on to: a client that is dropped ends its requests
    below = [TopicPartition(topic, number, offset) for number in range(PARTITIONS)]
    for future in client.delete_records(below).values():
        future.result(30)


def marks(world: World, topic: str) -> list[Mark]:
    """What is committed of a topic's partitions."""
    consumer = groupless_consumer(world.settings, "drift-profile-all")
    try:
        found = consumer.committed([TopicPartition(topic, number) for number in range(PARTITIONS)], timeout=10)
        return [Mark.parse(tp.metadata) for tp in found]
    finally:
        consumer.close()


def sizes(world: World, window: int) -> list[int]:
    """Records in the features' profiles of a window, of all partitions."""
    return [p["records"] for p in world.profiles() if p["kind"] == "features" and p["window"] == window]


def test_a_topic_made_anew_is_profiled_from_its_first_record_and_what_was_removed_unread_is_counted(
    world: World,
) -> None:
    clean, labels = world.topics.name("clean", MODEL), world.topics.name("labels", MODEL)
    process = world.start("profile")
    world.push(0, 500, late=0.25)
    until(lambda: len(sizes(world, 1)) == PARTITIONS, DEADLINE_S, "the old topic is profiled")
    until(lambda: all(mark.topic_id for mark in marks(world, clean)), DEADLINE_S, "its id is committed")
    old = marks(world, clean)

    make_anew(world, clean)
    until(lambda: world.said("deleted and made anew: begun at its first offset, 0"), DEADLINE_S, "it is recognised")
    world.push(500, 420, late=0.25)
    until(lambda: len(sizes(world, 1)) == 2 * PARTITIONS, DEADLINE_S, "the new topic is profiled")
    assert sizes(world, 0) == sizes(world, 1) == [200] * 2 * PARTITIONS
    until(lambda: marks(world, clean)[0].topic_id != old[0].topic_id, DEADLINE_S, "the new id is committed")

    world.kill(process)
    world.push(920, 300, late=0.25)
    remove_below(world, labels, 1_000)
    world.start("profile")
    until(lambda: all(mark.removed for mark in marks(world, labels)), DEADLINE_S, "the loss is committed")
    world.push(1_220, 300, late=0.25)
    expected = {(number, 6) for number in range(PARTITIONS)}
    until(lambda: expected <= world.windows("quality"), DEADLINE_S, "it goes on behind the gap")
    assert all(0 < mark.removed <= 1_000 for mark in marks(world, labels))
    assert world.said("were removed (retention, or by hand) before they were read")
