"""The topics that a member asks for, which any thread may change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from confluent_kafka import Consumer

from tidemill.kafka.assignment import Assignment

__all__ = ["Subscription", "leave"]

_CLOSE_S = 5.0
_log = logging.getLogger(__name__)


class Subscription:
    """Takes effect when the loop applies it. ``topics``: what is asked for by now."""

    def __init__(self, assignment: Assignment, topics: Sequence[str]) -> None:
        self._assignment = assignment
        self._lock = threading.Lock()
        self._wanted = tuple(topics)
        self.topics: tuple[str, ...] = ()

    def set(self, topics: Sequence[str]) -> None:
        """Ask for these and no others; none: leave the group. From any thread."""
        with self._lock:
            self._wanted = tuple(topics)

    def apply(self, consumer: Consumer) -> None:
        """Once a turn, on the loop's thread."""
        with self._lock:
            wanted = self._wanted
        if wanted == self.topics:
            return
        if wanted:
            keep = self._assignment
            consumer.subscribe(list(wanted), on_assign=keep.assign, on_revoke=keep.revoke, on_lost=keep.lose)
        else:
            consumer.unsubscribe()
        self.topics = wanted
        _log.info("subscribed to %s", ", ".join(wanted) or "nothing")


def leave(consumer: Consumer) -> None:
    """Close a consumer; without brokers a farewell can take long, and the session time-out says it too."""
    closer = threading.Thread(target=consumer.close, name="consumer-close", daemon=True)
    closer.start()
    closer.join(_CLOSE_S)
