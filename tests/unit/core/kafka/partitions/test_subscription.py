"""What `tidemill_topic_absent` says of a topic that is asked for; decided without a broker."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from prometheus_client import REGISTRY

from tests.support.kafka.workers import FunctionWorker
from tests.unit.core.kafka.fakes import FakeConsumer
from tidemill.kafka.partitions import topic_ids
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.partitions.subscription import Subscription
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill.kafka.runtime.loop_status import Trouble

UNKNOWN = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)


@pytest.fixture(autouse=True)
def time_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_ids, "ASK_EVERY_S", 0.0)


class Bench:
    """A member that has "there", beside others that may have the rest. `exists`: the topics that brokers know."""

    def __init__(self) -> None:
        self.consumer: Any = FakeConsumer({("there", 0): 0})
        self.consumer.subscribe = lambda topics, **callbacks: None
        self.exists: set[str] = set()
        self.asked: list[list[str]] = []
        self.assignment = Assignment(
            threading.Event(), Trouble(logging.getLogger("test")), FunctionWorker(lambda b: [])
        )
        self.assignment.assign(self.consumer, [TopicPartition("there", 0)])
        ids: Any = TopicIds(lambda: self)  # type: ignore[arg-type,return-value]
        self.subscription = Subscription(self.assignment, ["there", "absent"], ids)
        self.subscription.apply(self.consumer)

    def describe_topics(self, topics: TopicCollection, request_timeout: float) -> dict[str, Future[Any]]:
        self.asked.append(list(topics.topic_names))
        found: dict[str, Future[Any]] = {name: Future() for name in topics.topic_names}
        for name, future in found.items():
            if name in self.exists:
                future.set_result(SimpleNamespace(topic_id=f"id-of-{name}"))
            else:
                future.set_exception(KafkaException(UNKNOWN))
        return found

    def said(self, topic: str) -> bool:
        """The client says that it is not there; whether that is taken for its own affair."""
        message: Any = SimpleNamespace(error=lambda: UNKNOWN, topic=lambda: topic)
        return self.subscription.lacks(message)

    def turns(self, count: int = 3) -> None:
        for _ in range(count):
            self.subscription.apply(self.consumer)


def gauge() -> float | None:
    return REGISTRY.get_sample_value("tidemill_topic_absent", {"topic": "absent"})


def test_a_topic_that_is_there_again_is_absent_no_more_though_other_members_have_all_of_it() -> None:
    bench = Bench()
    assert bench.said("absent")
    bench.turns()
    assert gauge() == 1
    bench.exists.add("absent")
    bench.turns()
    assert gauge() == 0
    asked = len(bench.asked)
    bench.turns()
    assert len(bench.asked) == asked, "nothing is asked while nothing is absent"


def test_a_topic_that_is_asked_for_no_more_is_not_absent() -> None:
    bench = Bench()
    assert bench.said("absent")
    assert gauge() == 1
    bench.subscription.set(["there"])
    bench.turns(2)
    assert gauge() == 0
    assert bench.said("absent") and gauge() == 0, "nor is it a trouble of those that are asked for"


def test_an_answer_from_before_it_was_away_does_not_say_that_it_is_there() -> None:
    bench = Bench()
    assert bench.said("absent")
    bench.exists.add("absent")
    bench.turns(1)  # asked, and not looked at yet
    bench.assignment.assign(bench.consumer, [TopicPartition("absent", 0)])
    bench.turns(1)
    assert gauge() == 0
    bench.assignment.revoke(bench.consumer, [TopicPartition("absent", 0)])
    bench.exists.clear()
    assert bench.said("absent")
    bench.turns()
    assert gauge() == 1


def test_a_topic_that_is_deleted_while_it_is_held_is_absent_until_it_is_made_again() -> None:
    bench = Bench()
    bench.assignment.assign(bench.consumer, [TopicPartition("absent", 0)])
    assert bench.said("absent"), "the client says it before the partitions are taken away"
    bench.turns()
    assert gauge() == 1
    bench.assignment.revoke(bench.consumer, [TopicPartition("absent", 0)])
    bench.turns()
    assert gauge() == 1
    bench.exists.add("absent")
    bench.turns()
    assert gauge() == 0
