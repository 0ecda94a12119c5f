"""Ends of partitions, offsets of groups. The admin client is a stand-in: a broker cannot be told to have no leader, or
to coordinate no group, for a moment.
"""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

import tidemill_operations.standing.lag as lag
from tidemill.errors import RetryLater
from tidemill.settings import KafkaSettings


class Admin:
    """Partition 1 of the topic has no leader in the first `without` requests."""

    def __init__(self, without: int, code: int = KafkaError.NOT_LEADER_FOR_PARTITION) -> None:
        self.without, self.code, self.requests = without, code, 0

    def list_offsets(self, wanted: dict[TopicPartition, Any], **options: Any) -> dict[TopicPartition, Future[Any]]:
        self.requests += 1
        return {part: self._answer(part) for part in wanted}

    def _answer(self, part: TopicPartition) -> Future[Any]:
        future: Future[Any] = Future()
        if part.partition == 1 and self.requests <= self.without:
            future.set_exception(KafkaException(KafkaError(self.code)))
        else:
            future.set_result(SimpleNamespace(offset=10 + part.partition))
        return future


def offsets(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> lag.Offsets:
    monkeypatch.setattr(lag.Offsets, "partitions", lambda self, topics: {"t": 2})
    return lag.Offsets(KafkaSettings(), lambda settings: admin)  # type: ignore[arg-type,return-value]


def test_a_partition_without_leader_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Admin(without=2)
    assert offsets(admin, monkeypatch).ends(["t"]) == {("t", 0): 10, ("t", 1): 11}
    assert admin.requests == 3


def test_one_that_stays_without_is_said_and_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "TIMEOUT_S", 0.2)
    with pytest.raises(RetryLater, match="t/1 has no leader"):
        offsets(Admin(without=1_000), monkeypatch).ends(["t"])


def test_another_error_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Admin(without=1, code=KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        offsets(admin, monkeypatch).ends(["t"])
    assert admin.requests == 1


class Group(Admin):
    """Answers about a group with offsets after `without` questions that fail with `code`; `refusal` is of the group."""

    readers = closed = 0
    refusal: int | None = None

    def describe_consumer_groups(self, groups: list[str], **options: Any) -> dict[str, Future[Any]]:
        future: Future[Any] = Future()
        if self.refusal is None:
            future.set_result(None)
        else:
            future.set_exception(KafkaException(KafkaError(self.refusal)))
        return dict.fromkeys(groups, future)

    def list_topics(self, **options: Any) -> Any:
        there = SimpleNamespace(error=None, partitions={0: None, 1: None})
        hidden = SimpleNamespace(error=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), partitions={})
        return SimpleNamespace(topics={"t": there, "hidden": hidden, "__consumer_offsets": there})

    def committed(self, places: list[TopicPartition], **options: Any) -> list[TopicPartition]:
        assert {(one.topic, one.partition) for one in places} == {("t", 0), ("t", 1)}
        self.requests += 1
        if self.requests <= self.without:
            raise KafkaException(KafkaError(self.code))
        return [TopicPartition("t", 0, 7), TopicPartition("t", 1)]

    def close(self) -> None:
        self.closed += 1

    def offsets(self) -> lag.Offsets:
        def reader(name: str) -> Group:
            self.readers += 1
            return self

        return lag.Offsets(KafkaSettings(), lambda settings: self, reader)  # type: ignore[arg-type,return-value]


def test_what_a_group_has_committed_is_asked_by_one_consumer_of_every_topic_that_may_be_seen() -> None:
    group = Group(without=0)
    asked = group.offsets()
    assert asked.committed("g") == asked.committed("g") == {("t", 0): 7}
    assert group.readers == 1


@pytest.mark.parametrize(
    "code",
    [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError._TIMED_OUT, KafkaError._TRANSPORT],
)
def test_a_group_that_nobody_coordinates_is_said_and_another_consumer_asks_the_next_time(code: int) -> None:
    group = Group(without=1, code=code)
    asked = group.offsets()
    with pytest.raises(RetryLater, match="no broker coordinates the group g"):
        asked.committed("g")
    assert asked.committed("g") == {("t", 0): 7}
    assert (group.readers, group.closed) == (2, 1)


def test_a_group_that_is_refused_is_not_waited_for() -> None:
    group = Group(without=0)
    group.refusal = KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(KafkaException, match="GROUP_AUTHORIZATION_FAILED"):
        group.offsets().committed("g")
    assert group.readers == 0


def test_a_group_that_the_brokers_do_not_know_has_committed_what_a_consumer_is_told() -> None:
    group = Group(without=0)
    group.refusal = KafkaError.GROUP_ID_NOT_FOUND
    assert group.offsets().committed("g") == {("t", 0): 7}
