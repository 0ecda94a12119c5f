"""Batches on their way through a worker: one is made while the one before is written and the next is read.

Rules that keep it exactly once:

* A batch's offsets and group metadata are those of when it was read.
* A transaction begins when it is certain that the one before was committed. If it was not, nothing that was read
  after it is written: all of it is dropped and read again.
* While the group changes nothing is made and no commit is in flight: what was made from then on is dropped too.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import TopicPartition

from tidemill.kafka import metrics
from tidemill.kafka.runtime.executor import Dropped, Made, Maker
from tidemill.kafka.runtime.outputs import Making
from tidemill.kafka.runtime.transaction import TransactionSession

__all__ = ["Line"]


@dataclass(frozen=True, slots=True)
class _Order:
    made: Made
    offsets: list[TopicPartition]
    metadata: Any
    epoch: object


class Line:
    """The batches that were read and are not known to be committed, in order. Used by the loop's thread alone.

    `on_committed(making, offsets)` is called once for each when its commit is certain. `epoch` gives something
    that differs when batches that were read before may not be written any more.
    """

    def __init__(
        self,
        session: TransactionSession,
        maker: Maker,
        on_committed: Callable[[Making, list[TopicPartition]], None],
        epoch: Callable[[], object] = lambda: None,
    ) -> None:
        self._session = session
        self._maker = maker
        self._on_committed = on_committed
        self._epoch = epoch
        self._ahead: deque[_Order] = deque()
        self._flying: _Order | None = None
        self._failure: Exception | None = None
        self._broken = False
        self.last_commit = 0.0

    def __len__(self) -> int:
        """Batches that are made and not yet written."""
        return len(self._ahead)

    def add(self, making: Making, offsets: list[TopicPartition], metadata: Any) -> None:
        """Take a batch in; it is made at once."""
        self._ahead.append(_Order(self._maker.start(making), offsets, metadata, self._epoch()))

    def check(self) -> None:
        """Raise what became known while the group changed: a commit that failed, batches that were dropped."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if self._broken:
            raise Dropped("the group has changed")

    def write(self) -> None:
        """Write the oldest batch as soon as the one before is committed, and let its commit go on meanwhile.

        Raises what the session and the worker's logic raise, Dropped.
        """
        self.settle()
        if self._ahead[0].epoch != self._epoch():
            raise Dropped("what is held has changed")
        order = self._ahead.popleft()
        try:
            self._session.start(order.made, order.offsets, order.metadata)
        except BaseException:
            order.made.cancel()
            raise
        self._flying = order

    def drain(self) -> None:
        """Write all batches, and wait until it is certain that they are committed. Raises as `write`."""
        while self._ahead:
            self.write()
        self.settle()

    def settle(self) -> None:
        """Wait until it is certain that what was written is committed. Raises what the session raises."""
        self._land()
        self.check()

    def halt(self) -> None:
        """The group is about to change: stop what is made, wait for what is being committed. Raises nothing; what is
        to be said about it `check` says.
        """
        self._broken = self._broken or bool(self._ahead)
        for order in self._ahead:
            order.made.cancel()
        self._land()

    def clear(self) -> None:
        """Drop what was read ahead; wait for what is being committed. Raises what the session raises."""
        self.halt()
        self._ahead.clear()
        self._broken = False
        self._maker.resume()
        self.check()

    def _land(self) -> None:
        order, self._flying = self._flying, None
        if order is None:
            return
        try:
            with metrics.stage("commit"):
                self._session.settle()
        except Exception as error:  # noqa: BLE001 - raised by check()
            self._failure = error
            return
        self.last_commit = time.monotonic()
        self._on_committed(order.made.making, order.offsets)
