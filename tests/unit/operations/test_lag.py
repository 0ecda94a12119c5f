"""Ends of partitions. The admin client is a stand-in: a broker cannot be told to have no leader for a moment."""

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
