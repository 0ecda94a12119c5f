"""The topics that a member asks for, which any thread may change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, Message

from tidemill.kafka import metrics
from tidemill.kafka.batch import Partition
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.partitions.topic_ids import TopicIds

__all__ = ["Subscription", "leave"]

_CLOSE_S = 5.0
_log = logging.getLogger(__name__)


class Subscription:
    """Takes effect when the loop applies it. `topics`: what is asked for by now."""

    def __init__(self, assignment: Assignment, topics: Sequence[str], topic_ids: TopicIds) -> None:
        """`topic_ids`: of its own; asked for topics that are not there."""
        self._assignment = assignment
        self._topic_ids = topic_ids
        self._lock = threading.Lock()
        self._wanted = tuple(topics)
        self.topics: tuple[str, ...] = ()
        self._absent: dict[str, frozenset[Partition]] = {}
        """Topics that are not there, each with the partitions that were held when that was said."""

    def set(self, topics: Sequence[str]) -> None:
        """Ask for these and no others; none: leave the group. From any thread."""
        with self._lock:
            self._wanted = tuple(topics)

    def apply(self, consumer: Consumer) -> None:
        """Once a turn, on the loop's thread."""
        with self._lock:
            wanted = self._wanted
        self._note_there()
        if wanted == self.topics:
            return
        if wanted:
            keep = self._assignment
            consumer.subscribe(list(wanted), on_assign=keep.assign, on_revoke=keep.revoke, on_lost=keep.lose)
        else:
            consumer.unsubscribe()
        self.topics = wanted
        _log.info("subscribed to %s", ", ".join(wanted) or "nothing")

    def lacks(self, message: Message) -> bool:
        """Whether a message's error says that a topic is not there while others are: it waits, and that is no trouble
        of theirs. The client looks for it every half minute.
        """
        error, topic = message.error(), str(message.topic())
        if error is None or error.code() not in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
            return False
        if topic not in self.topics:
            return True  # asked for no more
        if not any(name != topic for name, _ in self._assignment.partitions):
            return False
        if topic not in self._absent:
            self._absent[topic] = self._held(topic)
            self._topic_ids.forget()  # an answer from before would say that it is there
            metrics.ABSENT.labels(topic).set(1)
            _log.error("%s is not there, or may not be seen: it waits, the others go on", topic, extra={"topic": topic})
        return True

    def _note_there(self) -> None:
        """The client says once that a topic is not there, and never that it is again; where other members have all of
        its partitions, no assignment does either. So the brokers are asked.
        """
        if not self._absent:
            return
        answers = self._topic_ids.look(self._absent)
        for topic, held_before in list(self._absent.items()):
            if topic in answers or self._held(topic) - held_before:
                self._end_absence(topic, "is there")
            elif topic not in self.topics:
                self._end_absence(topic, "is asked for no more")

    def _held(self, topic: str) -> frozenset[Partition]:
        return frozenset(p for p in self._assignment.partitions if p[0] == topic)

    def _end_absence(self, topic: str, why: str) -> None:
        del self._absent[topic]
        metrics.ABSENT.labels(topic).set(0)
        _log.info("%s %s", topic, why, extra={"topic": topic})


def leave(consumer: Consumer) -> None:
    """Close a consumer; without brokers a farewell can take long, and the session time-out says it too."""
    closer = threading.Thread(target=consumer.close, name="consumer-close", daemon=True)
    closer.start()
    closer.join(_CLOSE_S)
