"""Clients that know no broker any more while the brokers answer others: found, and nothing else is taken for it."""

from __future__ import annotations

import random
import time
from copy import copy
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException

from tests.broker.runtime.harness import World, running
from tests.support.kafka.deaf import Deaf
from tests.support.kafka.forgetful import Forgetful
from tests.support.polling import until
from tidemill.errors import FatalError
from tidemill.kafka.client import hearing
from tidemill.kafka.client.clients import Config, admin, consumer_config
from tidemill.kafka.client.hearing import Hearing
from tidemill.kafka.runtime.config import Clients


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix)


def through(world: World, proxy: Forgetful) -> World:
    other = copy(world)
    other.settings = world.settings.model_copy(update={"kafka_bootstrap": proxy.bootstrap})
    return other


def turn(consumers: list[Consumer], seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        for consumer in consumers:
            consumer.consume(10, 0.005)


def answers(consumer: Consumer, topic: str) -> bool:
    try:
        consumer.list_topics(topic, timeout=2)
    except KafkaException:
        return False
    return True


def test_a_client_is_called_lost_where_it_is_whatever_a_fenced_broker_has_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka's defect is a race: clients that get lost are counted and printed, and may be none."""
    monkeypatch.setattr(hearing, "ANSWER_S", 3.0)
    proxy, draw = Forgetful(world.settings.kafka_bootstrap, world.source), random.Random(5301)
    settings = through(world, proxy).settings
    consumers = [Consumer(consumer_config(settings, f"{world.group}-{number}")) for number in range(12)]
    try:
        for consumer in consumers:
            consumer.subscribe([world.source])
        turn(consumers, 2)
        lost: list[Consumer] = []
        for _ in range(6):
            proxy.forgetful = True
            proxy.cut()
            turn(consumers, draw.choice((0.3, 0.5, 0.7)))
            proxy.cut()
            proxy.forgetful = False
            turn(consumers, 1.5)
            lost = [consumer for consumer in consumers if not answers(consumer, world.source)]
            if lost:
                break
        assert proxy.answered > 0
        print(f"{len(lost)} of {len(consumers)} clients knew no broker any more")
        well = [consumer for consumer in consumers if consumer not in lost]
        verdicts = {
            id(one): Hearing(settings, lambda: world.source, silent_s=0.0).lost(one) for one in [*lost[:1], *well]
        }
        assert verdicts == {id(one): True for one in lost[:1]} | {id(one): False for one in well}
    finally:
        for consumer in consumers:
            consumer.close()
        proxy.close()


def test_brokers_that_answer_nobody_are_away_and_no_client_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "ANSWER_S", 0.5)
    settings = world.settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
    consumer = Consumer(consumer_config(settings, world.group))
    try:
        assert not Hearing(settings, lambda: world.source, silent_s=0.0).lost(consumer)
    finally:
        consumer.close()


def test_a_client_that_was_heard_a_moment_ago_is_asked_nothing(world: World) -> None:
    class Nobody:
        def list_topics(self, *arguments: Any, **options: Any) -> Any:
            raise AssertionError("asked")

    assert not Hearing(world.settings, lambda: world.source, make_other=Nobody).lost(Nobody())


def test_a_worker_whose_consumer_is_lost_ends_and_the_next_one_goes_on_where_it_stood(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "SILENT_S", 0.5)
    made: list[Any] = []

    def make(config: Config) -> Any:
        made.append(Deaf(Consumer(config)))
        return made[-1]

    clients = Clients(consumer=make, admin=admin)
    world.feed(0, 20)
    with running(world, clients=clients) as work:
        until(lambda: len(world.written()) == 20, 30, "it works")
        made[0].lost = True
        world.feed(20, 20)
        until(lambda: work.error is not None, 30, "it has ended")
        assert isinstance(work.error, FatalError)
        assert "started again" in str(work.error)
    with running(world, clients=clients) as work:
        until(lambda: len(world.written()) >= 40, 30, "the next one goes on")
        assert work.error is None
    assert world.written() == list(range(40))
