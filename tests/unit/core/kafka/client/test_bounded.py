"""What readers without a group make of the client's errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from tidemill.errors import FatalError
from tidemill.kafka.client.bounded import GONE, split_errors


def message(error: int | None, offset: int = 0) -> Any:
    told = None if error is None else KafkaError(error)
    return SimpleNamespace(error=lambda: told, topic=lambda: "t", partition=lambda: 1, offset=lambda: offset)


@pytest.mark.parametrize(
    "code", [KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION]
)
def test_that_a_topic_is_gone_is_an_end_for_those_alone_who_do_not_wait_for_it(code: int) -> None:
    record = message(None)
    messages = [record, message(code), message(KafkaError._PARTITION_EOF, 7)]
    assert split_errors(messages, GONE) == ([record], {1: 7})
    with pytest.raises(FatalError):
        split_errors(messages)


def test_a_refusal_is_an_end_for_all() -> None:
    with pytest.raises(FatalError):
        split_errors([message(KafkaError.TOPIC_AUTHORIZATION_FAILED)], GONE)
