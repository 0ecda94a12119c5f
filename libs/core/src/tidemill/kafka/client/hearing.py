"""Finds a client whom the brokers do not answer while they answer others.

After a broker that was fenced or frozen for a moment librdkafka (2.10 to 2.16 at least, its issue 5301) may know no
broker any more, and never looks for one: its calls time out and nothing comes, without an error. That cannot be told
from brokers that are away but by asking with another client.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from confluent_kafka import KafkaException, Message

from tidemill.errors import FatalError
from tidemill.kafka import metrics
from tidemill.kafka.client.clients import admin
from tidemill.settings import KafkaSettings

__all__ = ["ANSWER_S", "SILENT_S", "Asks", "Hearing"]

SILENT_S = 30.0
"""After how long without a word a client is asked whether it is heard at all."""

ANSWER_S = 5.0
"""Longer than a client waits before it connects anew: one that knows its brokers answers in that time."""
_log = logging.getLogger(__name__)


class Asks(Protocol):
    """What is needed of a client: consumers, producers and admin clients have it."""

    @property
    def list_topics(self) -> Callable[..., Any]: ...


class Hearing:
    """When one client was last answered. Used by the thread that uses the client: nobody may close it meanwhile.

    `topic` says which topic this client is asked for: one that it may describe; None: all. The other one is asked for
    all: a question for one topic by a client that is no consumer may create it.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: Callable[[], str | None],
        *,
        silent_s: float | None = None,
        make_other: Callable[[], Asks] | None = None,
    ) -> None:
        """`silent_s`: `SILENT_S` by default. `make_other` makes the client that is asked for comparison."""
        self._topic = topic
        self._silent_s = SILENT_S if silent_s is None else silent_s
        self._make_other = make_other or partial(admin, settings)
        self._heard = time.monotonic()

    def heard(self) -> None:
        """An answer has come."""
        self._heard = time.monotonic()

    def lost(self, client: Asks) -> bool:
        """Whether brokers answer others and not this client. Asks only where it has heard nothing for `silent_s`; takes
        three times five seconds at most, and returns at once where brokers answer.
        """
        if time.monotonic() - self._heard < self._silent_s:
            return False
        mine = partial(self._answers, client, self._topic())
        found = not mine() and self._answers(self._make_other(), None) and not mine()
        self._heard = time.monotonic()
        if found:
            metrics.CLIENTS_LOST.inc()
            _log.error("a Kafka client knows no broker any more, though the brokers answer: it is replaced")
        return found

    def check(self, client: Asks) -> None:
        """Raise FatalError where `lost`: a new process has new clients, and goes on where this one stood."""
        if self.lost(client):
            raise FatalError(
                "the brokers answer others but not the Kafka client of this process, which knows no broker any more "
                "(librdkafka issue 5301): it ends, to be started again; nothing is lost"
            )

    def listen(self, consumer: Asks, messages: Sequence[Message]) -> None:
        """Take in what `consume` has given just now; `check` where that is no record."""
        if messages and messages[0].error() is None:
            self.heard()
        else:
            self.check(consumer)

    def _answers(self, client: Asks, topic: str | None) -> bool:
        try:
            client.list_topics(topic, timeout=ANSWER_S)
        except KafkaException:
            return False
        return True
