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


class Coordinated(Admin):
    """Another broker coordinates the group for the first `without` clients. Who lists its offsets then ends, as the
    real client does.
    """

    clients = 0

    def describe_consumer_groups(self, groups: list[str], **options: Any) -> dict[str, Future[Any]]:
        future: Future[Any] = Future()
        if self.clients <= self.without:
            future.set_exception(KafkaException(KafkaError(self.code)))
        else:
            future.set_result(None)
        return dict.fromkeys(groups, future)

    def list_consumer_group_offsets(self, wanted: list[Any], **options: Any) -> dict[str, Future[Any]]:
        assert self.clients > self.without, "the client ends its process"
        future: Future[Any] = Future()
        future.set_result(SimpleNamespace(topic_partitions=[TopicPartition("t", 0, 7), TopicPartition("t", 1)]))
        return {wanted[0].group_id: future}


def committed(admin: Coordinated) -> dict[tuple[str, int], int]:
    def another(settings: KafkaSettings) -> Coordinated:
        admin.clients += 1
        return admin

    return lag.Offsets(KafkaSettings(), another).committed("g")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "code",
    [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS],
)
def test_offsets_of_a_group_are_asked_of_its_coordinator_alone(code: int) -> None:
    admin = Coordinated(without=2, code=code)
    assert committed(admin) == {("t", 0): 7}
    assert admin.clients == 3, "a client keeps to the coordinator that it knows: another one asks anew"


def test_a_group_that_nobody_coordinates_is_said_and_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "TIMEOUT_S", 0.2)
    with pytest.raises(RetryLater, match="no broker coordinates the group g"):
        committed(Coordinated(without=1_000, code=KafkaError.COORDINATOR_NOT_AVAILABLE))


def test_whatever_else_is_answered_is_for_the_question_about_offsets() -> None:
    admin = Coordinated(without=0)
    assert committed(admin) == {("t", 0): 7}
    assert admin.clients == 1
