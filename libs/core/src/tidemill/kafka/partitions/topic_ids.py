"""The ids of topics: what tells a topic that was deleted and made anew from the one before."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from tidemill.errors import RetryLater
from tidemill.kafka.client.bounded import NEW_TOPIC_S
from tidemill.kafka.client.hearing import SILENT_S
from tidemill.kafka.client.refusals import explain

__all__ = ["TopicIds"]

_TIMEOUT_S = 5.0
_AGAIN_S = 0.1
_ZERO = "AAAAAAAAAAAAAAAAAAAAAA"
ASK_EVERY_S = 2.0


class TopicIds:
    """Asks by an admin client of its own, made when it is first needed, and anew where nothing was answered for half a
    minute: it may know no broker any more. Used by one thread.
    """

    def __init__(self, make_admin: Callable[[], AdminClient]) -> None:
        self._make_admin = make_admin
        self._admin: AdminClient | None = None
        self._asked: dict[str, Future[Any]] = {}
        self._next = self._answered = 0.0
        self.missed: dict[str, int] = {}
        """How many answers in a row to what `look` asks said that there is no such topic. One may be of a broker that
        does not know of it yet.
        """

    def of(self, topics: Iterable[str]) -> dict[str, str]:
        """Id by topic; empty where there is no such topic (now), or where it may not be described. Raises RetryLater
        without brokers.

        A topic that was created a moment ago is not known to every broker yet: it is asked for some times. An answer to
        what `look` has asked before is not waited for any more.
        """
        self.forget()
        found, left = dict[str, str](), set(topics)
        deadline = time.monotonic() + NEW_TOPIC_S
        while left:
            answers = {topic: _answer(topic, future) for topic, future in self._ask(left).items()}
            self._answered = time.monotonic()
            left = {topic for topic, answer in answers.items() if answer is None}
            found |= {topic: answer for topic, answer in answers.items() if answer is not None}
            if time.monotonic() > deadline:
                found |= dict.fromkeys(left, "")
                break
            if left:
                time.sleep(_AGAIN_S)
        return found

    def look(self, topics: Collection[str]) -> dict[str, str]:
        """What has become known by now of a question that is asked now and then; never waits, never fails."""
        if self._asked and all(future.done() for future in self._asked.values()):
            asked, self._asked = self._asked, {}
            self._note_answers(asked)
            self.missed = {topic: self.missed.get(topic, 0) + 1 for topic, future in asked.items() if _unknown(future)}
            return {topic: _id(future.result()) for topic, future in asked.items() if future.exception() is None}
        if not self._asked and topics and time.monotonic() >= self._next:
            self._next = time.monotonic() + ASK_EVERY_S
            self._asked = self._ask(set(topics))
        return {}

    def forget(self) -> None:
        """An answer to what `look` has asked before is not waited for any more."""
        self._asked = {}

    def _ask(self, topics: set[str]) -> dict[str, Future[Any]]:
        if not topics:
            return {}
        now = time.monotonic()
        if self._admin is None or now - self._answered > SILENT_S:
            self._admin, self._answered = self._make_admin(), now
        return self._admin.describe_topics(TopicCollection(sorted(topics)), request_timeout=_TIMEOUT_S)

    def _note_answers(self, asked: Mapping[str, Future[Any]]) -> None:
        if any(_answered(future) for future in asked.values()):
            self._answered = time.monotonic()


def _answered(future: Future[Any]) -> bool:
    """Whether a broker has said it, whatever it has said: errors below zero are the client's own."""
    error = future.exception()
    return error is None or (isinstance(error, KafkaException) and error.args[0].code() > 0)


def _answer(topic: str, future: Future[Any]) -> str | None:
    """The id, empty where it may not be told; None where the broker that was asked knows no such topic."""
    try:
        return _id(future.result(_TIMEOUT_S + 1))
    except KafkaException as error:
        refusal = error.args[0]
        if refusal.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        if refusal.retriable() or refusal.code() < 0:
            raise RetryLater(f"id of topic {topic}: {explain(refusal)}") from error
        return ""


def _unknown(future: Future[Any]) -> bool:
    error = future.exception()
    return isinstance(error, KafkaException) and bool(error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART)


def _id(description: Any) -> str:
    found = str(description.topic_id)
    return "" if found == _ZERO else found
