"""What the client gives: records, and errors among them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from confluent_kafka import KafkaError, Message

from tidemill.errors import FatalError

_log = logging.getLogger(__name__)


class GivenUp(Exception):
    """A turn is given up, nothing of it is written: what another thread asks for comes first."""


def without_errors(messages: Iterable[Message]) -> list[Message]:
    """The records alone; an error that passes is logged. Raises FatalError where Kafka says that going on is no use."""
    records = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.fatal():
            raise FatalError(f"Kafka: {error.str()}")
        elif error.code() != KafkaError._AUTO_OFFSET_RESET:  # that is for `Standing`
            _log.warning("Kafka: %s", error.str())
    return records
