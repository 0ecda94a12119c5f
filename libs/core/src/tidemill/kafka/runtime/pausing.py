"""Topics that a member keeps and reads no further for now."""

from __future__ import annotations

import logging
from collections.abc import Collection

from confluent_kafka import Consumer, TopicPartition

from tidemill.kafka.partitions.assignment import Assignment

__all__ = ["Holds"]

_log = logging.getLogger(__name__)


class Holds:
    """Pauses the partitions of held topics, and reads again what slipped through when they go on."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._paused: frozenset[str] = frozenset()
        self.topics: frozenset[str] = frozenset()

    def set(self, topics: Collection[str]) -> None:
        """Hold these and no others, from the next turn on. From any thread."""
        self.topics = frozenset(topics)

    @property
    def changed(self) -> bool:
        """True if `apply` will move positions: nothing may be on its way then."""
        return self.topics != self._paused

    def apply(self, consumer: Consumer) -> None:
        """Once a turn, on the loop's thread: what is newly assigned comes in unpaused. Raises RetryLater."""
        held = self.topics
        if held != self._paused:
            self._paused = held
            consumer.resume([TopicPartition(*partition) for partition in self._assignment.partitions])
            self._assignment.rewind(consumer)
            _log.info("held: %s", ", ".join(sorted(held)) or "nothing")
        if held:
            consumer.pause([TopicPartition(*p) for p in self._assignment.partitions if p[0] in held])
