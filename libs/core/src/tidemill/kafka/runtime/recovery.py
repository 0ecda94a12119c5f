"""Going back to what is committed for certain, however long the brokers take."""

from __future__ import annotations

import threading
import time

from confluent_kafka import Consumer, TopicPartition

from tidemill.errors import RetryLater
from tidemill.kafka.client.hearing import Hearing
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.runtime.backoff import Backoff
from tidemill.kafka.runtime.loop_status import Trouble
from tidemill.kafka.runtime.transaction import TransactionSession
from tidemill.service.health import Heartbeat

__all__ = ["Recovery"]

_HOLD_POLL_S = 0.5
_SETTLED_S = 5.0


class Recovery:
    """What a worker does after a failure, as a member of its group that takes no records meanwhile. Every wait ends
    when `stop` is set, and with FatalError where the brokers answer others but not this consumer.
    """

    def __init__(
        self,
        stop: threading.Event,
        session: TransactionSession,
        assignment: Assignment,
        trouble: Trouble,
        heartbeat: Heartbeat,
        hearing: Hearing,
    ) -> None:
        self._stop = stop
        self._session = session
        self._assignment = assignment
        self._trouble = trouble
        self._heartbeat = heartbeat
        self._hearing = hearing
        self._backoff = Backoff()
        self._retried = 0.0

    def over(self) -> None:
        """The worker is well again."""
        self._retried = 0.0
        self._trouble.clear()

    def committed(self) -> None:
        """A transaction was committed: the next failure begins with a short wait again."""
        self._backoff.reset()

    def idle(self) -> None:
        """There is nothing to read: what was to be retried has gone to another member."""
        if self._retried and time.monotonic() - self._retried > _SETTLED_S:
            self.over()

    def retry(self, consumer: Consumer, kind: str, reason: str, delay_s: float | None = None) -> None:
        """Wait, by default longer from failure to failure, and read again what is not committed."""
        self._trouble.enter(kind, reason)
        self._retried = time.monotonic()
        self._hold(consumer, self._backoff.next_s() if delay_s is None else delay_s)
        self.rewind(consumer)

    def rewind(self, consumer: Consumer) -> None:
        """Read again what is not committed."""
        while not self._stop.is_set():
            try:
                self._assignment.rewind(consumer)
                return
            except RetryLater as error:
                self._trouble.enter("rewinding", str(error))
                self._retried = time.monotonic()
                self._hold(consumer, self._backoff.next_s())

    def reopen(self, consumer: Consumer) -> None:
        """Get a working producer, and go on from where the brokers say that we are."""
        while not self._stop.is_set():
            try:
                self._session.open()
                self._assignment.reload(consumer)
                self._assignment.rewind(consumer)
                self.over()
                return
            except RetryLater as error:
                self._trouble.enter("waiting for the brokers", str(error))
                self._hold(consumer, self._backoff.next_s())

    def _hold(self, consumer: Consumer, seconds: float) -> None:
        """Wait as a member of the group that takes no records; what slips through is read again after a rewind."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            self._heartbeat.beat()
            consumer.pause([TopicPartition(*partition) for partition in self._assignment.partitions])
            self._assignment.note(consumer.consume(1, min(left, _HOLD_POLL_S)))
            self._hearing.check(consumer)
        consumer.resume([TopicPartition(*partition) for partition in self._assignment.partitions])
