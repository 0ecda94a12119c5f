"""Ids of topics, asked of an admin client of the test's own: no broker can be told to know a topic too late."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection

import tidemill.kafka.partitions.topic_ids as topic_ids
from tidemill.errors import RetryLater
from tidemill.kafka.partitions.topic_ids import TopicIds


@dataclass
class Admin:
    """Answers each question with the next of `answers`; the last one stays."""

    answers: list[Any]
    asked: list[Collection[str]] = field(default_factory=list)

    def describe_topics(self, topics: TopicCollection, request_timeout: float) -> dict[str, Future[Any]]:
        self.asked.append(topics.topic_names)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        future: Future[Any] = Future()
        if isinstance(answer, KafkaError):
            future.set_exception(KafkaException(answer))
        else:
            future.set_result(Description(answer))
        return dict.fromkeys(topics.topic_names, future)


@dataclass
class Description:
    topic_id: str


def ids_of(*answers: Any) -> tuple[TopicIds, Admin]:
    admin = Admin(list(answers))
    return TopicIds(lambda: admin), admin


UNKNOWN = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)


def test_a_topic_that_the_broker_asked_does_not_know_yet_is_asked_for_again() -> None:
    ids, admin = ids_of(UNKNOWN, UNKNOWN, "first")
    assert ids.of(["t"]) == {"t": "first"}
    assert len(admin.asked) == 3


def test_a_topic_that_is_not_there_has_no_id_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_ids, "NEW_TOPIC_S", 0.0)
    assert ids_of(UNKNOWN)[0].of(["t"]) == {"t": ""}


def test_one_that_may_not_be_described_has_none_at_once_and_brokers_that_are_away_are_waited_for() -> None:
    ids, admin = ids_of(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert ids.of(["t"]) == {"t": ""}
    assert len(admin.asked) == 1
    with pytest.raises(RetryLater):
        ids_of(KafkaError(KafkaError._TRANSPORT))[0].of(["t"])


def test_an_answer_of_before_is_not_taken_for_one_of_now() -> None:
    ids, _ = ids_of("old", "new")
    assert ids.look(["t"]) == {}, "asked"
    assert ids.of(["t"]) == {"t": "new"}
    assert ids.look(["t"]) == {}, "the old answer, which had come by then"


def test_how_often_in_a_row_there_is_no_such_topic_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_ids, "ASK_EVERY_S", 0.0)
    ids = ids_of(UNKNOWN, KafkaError(KafkaError._TIMED_OUT), UNKNOWN, UNKNOWN, "found")[0]
    missed = []
    for _ in range(5):
        assert ids.look(["t"]) == {}, "asked"
        found = ids.look(["t"])
        missed.append(ids.missed.get("t", 0))
    assert found == {"t": "found"}
    assert missed == [1, 0, 1, 2, 0]


def test_a_client_that_was_answered_nothing_for_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    away, made = KafkaError(KafkaError._TRANSPORT), []

    def make() -> Admin:
        made.append(Admin([away] if not made else ["first"]))
        return made[-1]

    clock = [100.0]
    monkeypatch.setattr(topic_ids.time, "monotonic", lambda: clock[0])
    ids = TopicIds(make)
    for clock[0] in (100.0, 103.0, 106.0, 129.0):
        assert ids.look(["t"]) == {}
        assert ids.look(["t"]) == {}
    assert len(made) == 1
    clock[0] = 131.0
    ids.look(["t"])
    assert ids.look(["t"]) == {"t": "first"}
    assert len(made) == 2
