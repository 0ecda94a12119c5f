"""What the exactly-once loop asks of a worker, and what it promises to it. Knows no Kafka client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from tidemill.kafka.batch import Batch, Output, Partition

__all__ = ["TolerantWorker", "Worker"]


class Worker(ABC):
    """The logic of one process behind `TransactionalRunner`: only `process` must be written, the rest does nothing.

    One life of a partition: `start_offsets` (where nothing of it is committed yet), `assigned`, `process` again
    and again, `revoked`. What the loop promises:

    * Methods run one at a time, though not always in the same thread.
    * `assigned` has returned for a partition before its first record comes to `process`; after `revoked` none
      comes until it is assigned again.
    * Records of one partition come to `process` in the order of their offsets.
    * Outputs, and the offsets of the records that they are made of, become visible together or not at all; nothing
      is visible of a batch for which `process` raised.
    * After a failure records come again, from the first that is not committed on. `process` may see a record more
      than once (it is written once), so it should depend on nothing but its input.

    `RetryLater` raised by any method but `revoked` means: wait, as a member of the group that reads nothing, and
    then the same once more, for ever. `HoldTopics` raised by `process`: those topics wait, the others go on. Any
    other exception ends `run()`.
    """

    @abstractmethod
    def process(self, batches: list[Batch]) -> list[Output]:
        """The records to write for these, one batch a topic. Large batches come in pieces, all in one transaction."""

    def start_offsets(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        """First offsets of partitions without a committed one; those left out begin at their first record."""
        return {}

    def assigned(self, partitions: list[Partition]) -> None:
        """New partitions, all at once; may take seconds. They stay new until this has returned."""
        return

    def revoked(self, partitions: list[Partition]) -> None:
        """Partitions that another member has from now on. What was committed of them is settled."""
        return

    def before_batch(self) -> None:
        """Before each batch, once, however many pieces it has."""
        return

    def idle(self) -> None:
        """On each turn that has read no record, while no batch is on its way."""
        return


class TolerantWorker(Worker):
    """A worker that single records do not stop. Both methods say what to write in place of one record.

    A record for which `process` raises what nobody raises on purpose is found among its batch, tried again a few
    times and then given to `set_aside` (see `poison.raising`). A record that ends the process, or on which
    `process` hangs, is found by the processes that come after and given to `unread` (see `poison.steps`).
    """

    @abstractmethod
    def set_aside(self, one: Batch, why: str) -> list[Output]:
        """`one`: a batch of the record alone. `why`: what was raised and where, without its text."""

    @abstractmethod
    def unread(self, one: Batch, why: str) -> list[Output]:
        """`one`: a batch of the record alone, whose value must not be looked into."""
