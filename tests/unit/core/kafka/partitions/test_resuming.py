"""What a log holds is known, or is to be asked for later; where a reader goes on elsewhere it is said and counted."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import REGISTRY

from tidemill.errors import RetryLater
from tidemill.kafka.client.bounded import groupless_consumer
from tidemill.kafka.partitions.marks import Mark, go_on
from tidemill.kafka.partitions.resuming import log_bounds, say
from tidemill.settings import KafkaSettings

OLD = Mark("the old one")


def count(name: str, topic: str) -> float:
    return REGISTRY.get_sample_value(name, {"group": "readers", "topic": topic}) or 0.0


def test_without_brokers_the_bounds_of_a_log_are_to_be_asked_for_later() -> None:
    consumer = groupless_consumer(KafkaSettings(kafka_bootstrap="127.0.0.1:1"), "nobody")
    try:
        with pytest.raises(RetryLater, match="first offset of events/3: "):
            log_bounds(consumer, ("events", 3), 0.2)
    finally:
        consumer.close()


def test_a_topic_made_anew_is_said_and_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    say("readers", ("anew", 2), go_on(500, OLD, 7, 90, "the new one"))
    assert (count("tidemill_topic_made_anew_total", "anew"), count("tidemill_removed_unread_total", "anew")) == (1, 0)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("anew/2: the topic was deleted and made anew: begun at its first offset, 7")


def test_removed_records_are_said_and_counted_and_nothing_is_where_a_reader_goes_on_where_it_stood(
    caplog: pytest.LogCaptureFixture,
) -> None:
    say("readers", ("removed", 0), go_on(5, OLD, 12, 90, "the old one"))
    say("readers", ("removed", 1), go_on(50, OLD, 12, 90, "the old one"))
    assert count("tidemill_removed_unread_total", "removed") == 7
    assert count("tidemill_topic_made_anew_total", "removed") == 0
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["removed/0"]


class Remembering:
    """Stands for a client that a broker told, while it was away for a moment, that nobody leads a partition: it takes
    that for lasting until it is asked for the topic. A real one does in about one of three freezes (`faults`, 6).
    """

    def __init__(self, code: int, answers: bool = True) -> None:
        self.code, self.answers, self.renewed = code, answers, False

    def get_watermark_offsets(self, *_: object, **__: object) -> tuple[int, int]:
        if self.renewed:
            return 3, 9
        raise KafkaException(KafkaError(self.code))

    def list_topics(self, topic: str, timeout: float) -> None:
        assert (topic, timeout) == ("events", 0.2)
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        self.renewed = True


@pytest.mark.parametrize("code", [KafkaError._UNKNOWN_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])
def test_what_a_client_remembers_of_a_broker_that_was_away_is_asked_anew(code: int) -> None:
    consumer = Remembering(code)
    with pytest.raises(RetryLater, match="first offset of events/3: "):
        log_bounds(consumer, ("events", 3), 0.2)  # type: ignore[arg-type]
    assert log_bounds(consumer, ("events", 3), 0.2) == (3, 9)  # type: ignore[arg-type]


def test_without_brokers_what_is_remembered_is_to_be_asked_for_later() -> None:
    consumer = Remembering(KafkaError._UNKNOWN_PARTITION, answers=False)
    with pytest.raises(RetryLater, match="events: "):
        log_bounds(consumer, ("events", 3), 0.2)  # type: ignore[arg-type]
