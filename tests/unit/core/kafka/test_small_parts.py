from __future__ import annotations

import logging
import struct
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError

from tests.unit.core.kafka.fakes import FakeProducer
from tidemill.errors import ConfigError, DeadLetter, FatalError, Fenced, RetryLater, TidemillError
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.client.bounded import Remaining
from tidemill.kafka.client.clients import consumer_config, producer_config
from tidemill.kafka.client.logs import QuietLogger
from tidemill.kafka.client.producing import DeliveryFailures, produce_all
from tidemill.kafka.dead_letters import dead_letter_headers, parse_dead_letter
from tidemill.kafka.headers import find, origin, parse_origin
from tidemill.kafka.partitions.membership import Membership
from tidemill.kafka.runtime.backoff import Backoff
from tidemill.kafka.runtime.loop_status import Trouble
from tidemill.settings import KafkaSettings


class FakeMessage:
    def __init__(self, topic: str, partition: int, offset: int) -> None:
        self.at = topic, partition, offset

    def topic(self) -> str:
        return self.at[0]

    def partition(self) -> int:
        return self.at[1]

    def offset(self) -> int:
        return self.at[2]

    def timestamp(self) -> tuple[int, int]:
        return 2, 1000 + self.at[2]

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes | None:
        return None if self.at[2] else b"v"

    def headers(self) -> list[tuple[str, bytes]] | None:
        return [("a", b"b")] if self.at[2] else None


def test_messages_become_one_batch_per_topic_in_order() -> None:
    messages: Any = [FakeMessage("b", 1, 0), FakeMessage("a", 0, 5), FakeMessage("b", 0, 2)]
    first, second = Batch.from_messages(messages)
    assert first == Batch("b", [1, 0], [0, 2], [1000, 1002], [b"k", b"k"], [b"v", None], [None, [("a", b"b")]])
    assert (second.topic, second.offsets, len(second)) == ("a", [5], 1)
    assert Batch.from_messages([]) == []


def test_output_columns_may_be_one_number_or_nothing_at_all() -> None:
    producer: Any = FakeProducer({})
    outputs = [
        Output("a", [b"1", b"2"]),
        Output("b", [b"1", b"2"], [b"x", None], 7),
        Output("c", [b"1"], None, [2], [[("h", b"v")]], [99]),
        Output("d", []),
    ]
    produce_all(producer, outputs, time.monotonic())
    assert producer.records == [
        ("a", b"1", None, -1, None, None, 0, None),
        ("a", b"2", None, -1, None, None, 0, None),
        ("b", b"1", b"x", 7, None, None, 0, None),
        ("b", b"2", None, 7, None, None, 0, None),
        ("c", b"1", None, 2, None, None, 99, [("h", b"v")]),
    ]


def test_columns_of_different_lengths_are_refused() -> None:
    producer: Any = FakeProducer({})
    with pytest.raises(ValueError, match="columns"):
        produce_all(producer, [Output("a", [b"1", b"2"], [b"k"])], time.monotonic())
    assert producer.records == []


def test_a_full_queue_is_waited_for_and_not_for_ever() -> None:
    producer: Any = FakeProducer({}, {"produce": BufferError()})
    produce_all(producer, [Output("a", [b"1"])], time.monotonic() + 10)
    assert producer.calls == ["produce", "poll", "produce"]

    def always_full(*record: Any) -> None:
        raise BufferError

    producer.produce = always_full
    with pytest.raises(RetryLater, match="queue stays full"):
        produce_all(producer, [Output("a", [b"1"])], time.monotonic() - 1)


def test_purged_records_are_no_failures_and_lasting_ones_are_told_from_others() -> None:
    failures = DeliveryFailures()
    message: Any = FakeMessage("t", 0, 0)
    failures(None, message)
    failures(KafkaError(KafkaError._PURGE_QUEUE), message)
    assert failures.first is None
    failures(KafkaError(KafkaError._MSG_TIMED_OUT), message)
    assert failures.first is not None
    assert failures.lasting is None
    failures(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), message)
    assert failures.lasting is not None
    assert failures.lasting.startswith("topic t: ")


def metadata(generation: int, member: str) -> bytes:
    return b"CGMDv2:" + struct.pack("=i", generation) + b"group\0" + member.encode() + b"\0\x01"


def test_only_a_member_with_a_generation_is_active() -> None:
    assert Membership.of(metadata(3, "m-1")) == Membership(3, "m-1")
    assert Membership.of(metadata(3, "m-1")).active
    assert not Membership.of(metadata(-1, "m-1")).active
    assert not Membership.of(metadata(3, "")).active
    with pytest.raises(ValueError, match="unknown form"):
        Membership.of(b"CGMDv9:")


def test_group_metadata_of_the_installed_client_is_understood() -> None:
    from confluent_kafka import Consumer

    consumer = Consumer({"bootstrap.servers": "", "group.id": "g", "log_level": 0})
    assert not Membership.of(consumer.consumer_group_metadata()).active
    consumer.close()


def test_an_end_is_reached_by_position() -> None:
    remaining = Remaining({0: 0, 1: 5, 2: 0}, {0: 10, 1: 5, 2: 3})
    assert remaining.open == {0, 2}
    assert remaining.advance({0: 9, 2: -1001}) == set()
    assert remaining.reached == 9 + 5
    assert remaining.advance({0: 9, 2: 4}) == {2}
    assert remaining.advance({0: 10}) == {0}
    assert not remaining.open


def test_backoff_doubles_up_to_its_most_and_begins_again() -> None:
    backoff = Backoff(0.1, 1.0, seed=1)
    waits = [backoff.next_s() for _ in range(8)]
    for wait, base in zip(waits, [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0], strict=True):
        assert base / 2 <= wait <= base
    backoff.reset()
    assert backoff.next_s() <= 0.1


def test_trouble_is_logged_once_per_kind_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(logging.getLogger("tidemill.test"))
    with caplog.at_level(logging.INFO):
        trouble.clear()
        for reason in ("a", "b", "c"):
            trouble.enter("retrying", reason)
        assert trouble() == "retrying: c"
        trouble.enter("aborted", "d")
        trouble.clear()
    assert trouble() is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]


def test_a_client_that_repeats_itself_is_heard_once(caplog: pytest.LogCaptureFixture) -> None:
    logger = QuietLogger(logging.getLogger("tidemill.test"))
    with caplog.at_level(logging.DEBUG):
        for attempt in range(5):
            logger.log(logging.ERROR, "FAIL %s: Connect failed after %d ms", "broker", attempt)
        logger.log(logging.WARNING, "something else")
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "DEBUG", "DEBUG", "DEBUG", "DEBUG", "WARNING"]


def test_origins_and_dead_letter_headers_can_be_read_back() -> None:
    assert parse_origin(origin("a/b", 3, 17)) == ("a/b", 3, 17)
    with pytest.raises(ValueError, match=r"\w"):
        parse_origin(b"no origin")
    headers = dead_letter_headers("raw", 1, 2, "SchemaError", "carrier: größer")
    assert parse_dead_letter([("x", None), *headers]) == ("raw", 1, 2, "SchemaError", "carrier: größer")
    assert parse_dead_letter(None) is None
    assert find([("a", b"1"), ("a", b"2")], "a") == b"2"
    assert find([], "a") is None


def test_configurations_hold_what_the_guarantees_rest_on() -> None:
    settings = KafkaSettings(prefix="p-", kafka_bootstrap="h:1")
    consumer = consumer_config(settings, "p-validator", max_poll_interval_ms=7)
    assert consumer["isolation.level"] == "read_committed"
    assert consumer["enable.auto.commit"] is False
    assert consumer["partition.assignment.strategy"] == "cooperative-sticky"
    assert consumer["max.poll.interval.ms"] == 7
    assert (consumer["group.id"], consumer["client.id"]) == ("p-validator", "p-validator")
    producer = producer_config(settings, "p-validator-0")
    assert producer["enable.idempotence"] is True
    assert producer["partitioner"] == "murmur2_random"
    assert producer["transactional.id"] == "p-validator-0"
    assert "transactional.id" not in producer_config(settings)


def test_the_class_of_a_failure_says_what_to_do() -> None:
    assert RetryLater(delay_s=3).delay_s == 3
    assert DeadLetter("bad").reason == "bad"
    assert issubclass(Fenced, FatalError)
    assert issubclass(ConfigError, FatalError)
    assert not issubclass(RetryLater, FatalError)
    assert issubclass(DeadLetter, TidemillError)
