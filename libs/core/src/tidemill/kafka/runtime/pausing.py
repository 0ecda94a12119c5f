"""Topics that a member keeps and reads no further for now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from confluent_kafka import Consumer, TopicPartition

from tidemill.kafka.partitions.assignment import Assignment

__all__ = ["Holds"]

_log = logging.getLogger(__name__)


class Holds:
    """Pauses the partitions of held topics, and reads again what was passed over when they go on.

    A pause is not all: records come with an assignment before it, or were read when a hold was asked for. Those are
    passed over, and from then on the client's positions tell nothing of that topic until it is rewound. So it is held
    until then, whatever is asked meanwhile.
    """

    def __init__(self, assignment: Assignment, before_change: Callable[[], None] = lambda: None) -> None:
        """`before_change` has nothing be on its way: called before positions are moved; may raise."""
        self._assignment = assignment
        self._before_change = before_change
        self._not_rewound: frozenset[str] = frozenset()
        self.topics: frozenset[str] = frozenset()

    def set(self, topics: Collection[str]) -> None:
        """Hold these and no others, from the next turn on. From any thread."""
        self.topics = frozenset(topics)

    def pass_over(self) -> frozenset[str]:
        """The topics whose records are passed over in this turn, and whose positions are not to be committed: what is
        asked now, and all that has been since the last rewind. On the loop's thread, as `apply`.
        """
        self._not_rewound |= self.topics
        return self._not_rewound

    def apply(self, consumer: Consumer) -> None:
        """Once a turn: what is newly assigned comes in unpaused. Raises RetryLater, and what `before_change` does."""
        held = self.topics
        if held != self._not_rewound:
            self._before_change()
            consumer.resume([TopicPartition(*partition) for partition in self._assignment.partitions])
            self._assignment.rewind(consumer)
            self._not_rewound = held
            _log.info("held: %s", ", ".join(sorted(held)) or "nothing")
        if held:
            consumer.pause([TopicPartition(*p) for p in self._assignment.partitions if p[0] in held])
