"""Quiet failures on a real broker: each is an event, once, and asks for nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.broker.drift.conftest import HOUR_MS, MODEL, PARTITIONS, START_MS, World
from tests.support.polling import until
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin

DEADLINE_S = 120
MINUTE_MS = 60_000
WEEK_MS = 7 * 24 * 60 * MINUTE_MS


def _failures(world: World) -> list[dict[str, Any]]:
    return [event for event in world.read("drift_events", "drift-event") if event["failure"]]


def _take_given_times(world: World, producer: Producer, topic: str, other: str) -> None:
    """Records of `topic` have the time that their producer says, from now on; the `other` topic tells since when."""
    setting = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    wanted = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[setting]) for name in (topic, other)]
    client = admin(world.settings)
    for done in client.incremental_alter_configs(wanted).values():
        done.result(30)
    kinds: list[int] = []

    def holds() -> bool:
        producer.produce(other, b"row", timestamp=1_000, on_delivery=lambda _, sent: kinds.append(sent.timestamp()[0]))
        producer.flush(30)
        return bool(kinds) and kinds[-1] == TIMESTAMP_CREATE_TIME

    until(holds, DEADLINE_S, "times that are given are taken")


def test_labels_that_meet_nothing_any_more_are_an_event(world: World) -> None:
    world.publish_version(1)
    world.start("profile")
    world.start("detect")
    world.push(0, 1_200, late=0.25)
    until(lambda: {(0, 4), (1, 4)} <= world.windows("quality"), DEADLINE_S, "what is usual is known")
    assert not _failures(world)
    label = world.schemas.label(MODEL)
    for partition in range(PARTITIONS):
        values = [
            world.codec.encode_one(
                {"event_id": f"?{n}", "label": True, "event_time": at, "observed_at": at + HOUR_MS}, label
            )
            for n in range(1_200, 2_400)
            for at in [START_MS + n * HOUR_MS // 50]
        ]
        keys = [b"N1"] * len(values)
        world.publisher.publish_all([Output(world.topics.name("labels", MODEL), values, keys, partition)])
    world.push(2_400, 600, late=0.25)  # predictions go on, so that the windows of these labels end
    until(lambda: _failures(world), DEADLINE_S, "that labels meet nothing is told")
    (event,) = _failures(world)
    assert (event["failure"], event["detector"], event["version"]) == ("join_rate_fell", "join-rate", 1)
    assert event["statistic"] > event["threshold"] and "met a prediction where" in event["detail"]
    assert not world.read("retrain_requests", "retrain-request")


@pytest.mark.parametrize("stopped", ["labels", "clean"])
def test_what_came_in_earlier_weeks_and_does_not_come_now_is_an_event(world: World, stopped: str) -> None:
    topic = world.topics.name(stopped, MODEL)
    producer, now = Producer({"bootstrap.servers": world.settings.kafka_bootstrap}), int(time.time() * 1000)
    _take_given_times(world, producer, topic, world.topics.name("raw", MODEL))
    for week in (2, 1):
        for minute in range(-30, 30):
            at = now - week * WEEK_MS + minute * MINUTE_MS
            for n in range(20):
                producer.produce(topic, b"row", key=b"k", partition=n % PARTITIONS, timestamp=at)
        producer.flush(30)
    world.environment["TIDEMILL_LOOK_FOR_SILENCE_S"] = "1"
    world.publish_version(3)
    world.start("detect")
    until(lambda: _failures(world), DEADLINE_S, "that nothing comes is told")
    time_of_looks = time.monotonic() + 3
    until(lambda: time.monotonic() > time_of_looks, DEADLINE_S, "it is looked at some times more")
    event = _failures(world)[0]
    assert {one["event_id"] for one in _failures(world)} == {event["event_id"]}
    assert event["failure"] == {"labels": "labels_stopped", "clean": "traffic_stopped"}[stopped]
    assert (event["version"], event["detector"], event["records"]) == (3, "silence", 0)
    assert "0 came in the last 6 min" in event["detail"]
