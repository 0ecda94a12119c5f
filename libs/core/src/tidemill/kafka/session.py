"""One transactional producer and what can become of its transactions.

A transaction ends in one of four ways: committed (returns), certainly aborted (``Aborted``), in doubt
(``InDoubt``: it may or may not have been committed, the producer is thrown away), or fenced (``Fenced``:
another process owns the id). After a time-out nothing else is safe than a new producer: its
``init_transactions`` settles what the old one left open (Kingsbury, Jepsen: Bufstream 0.1, 2024-11).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from tidemill.errors import FatalError, Fenced, RetryLater, TidemillError
from tidemill.kafka.batch import Output
from tidemill.kafka.producing import DeliveryFailures, produce_all

__all__ = ["Aborted", "InDoubt", "TransactionSession"]

_FENCED = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})
_REFUSED = frozenset(
    {
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.INVALID_TRANSACTION_TIMEOUT,
        KafkaError._UNSUPPORTED_FEATURE,
    }
)
_INIT_TIMEOUT_S = 5.0


class Aborted(TidemillError):
    """The transaction was aborted for certain: nothing of it is visible, the session can be used again."""


class InDoubt(TidemillError):
    """Whether the transaction was committed is not known; the session is closed and must be opened again."""


class TransactionSession:
    """Commits outputs, and offsets with them, in one transaction each. Not thread-safe.

    ``config`` is a transactional producer's; ``factory`` makes the producer (tests put theirs here).
    """

    def __init__(
        self, config: dict[str, Any], *, factory: Callable[[dict[str, Any]], Producer] | None = None
    ) -> None:
        self._failures = DeliveryFailures()
        self._config = config | {"on_delivery": self._failures}
        self._factory = factory or Producer
        self._timeout_s = config.get("transaction.timeout.ms", 60_000) / 1000
        self._producer: Producer | None = None
        self._begun = 0.0

    @property
    def is_open(self) -> bool:
        """True if a transaction can be committed."""
        return self._producer is not None

    def open(self) -> None:
        """Make a producer and initialise it: earlier holders of the id are fenced, their transaction is
        settled.

        Raises RetryLater if the brokers do not answer, FatalError if they refuse.
        """
        self.close()
        producer = self._factory(self._config)
        try:
            producer.init_transactions(_INIT_TIMEOUT_S)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            transactional_id = self._config["transactional.id"]
            if reason.code() in _REFUSED:
                raise FatalError(
                    f"the brokers refuse transactional id {transactional_id}: {reason.str()}"
                ) from error
            raise RetryLater(f"transactional id {transactional_id}: {reason.str()}") from error
        self._producer = producer

    def commit(
        self, outputs: Sequence[Output], offsets: list[TopicPartition], group_metadata: Any = None
    ) -> None:
        """Write all records and the offsets atomically.

        ``group_metadata`` is the consumer's at the time of its batch. Returns when the commit is certain.
        Raises Aborted, InDoubt, Fenced; FatalError for a record that the brokers will never take.
        """
        producer = self._producer
        if producer is None:
            raise InDoubt("the session is not open")
        self._failures.clear()
        self._begun = time.monotonic()
        topic = ""
        try:
            producer.begin_transaction()
            for output in outputs:
                topic = output.topic
                produce_all(producer, (output,), self._begun + self._timeout_s)
            topic = ""
            if offsets:
                producer.send_offsets_to_transaction(offsets, group_metadata, self._timeout_s)
            producer.commit_transaction(self._timeout_s)
        except KafkaException as error:
            if topic:
                self._failures.refused(error, topic)
            self._settle(producer, error.args[0])
        except RetryLater as error:
            self._doubt(str(error))

    def close(self) -> None:
        """Throw the producer away, with whatever it had open."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()

    def _settle(self, producer: Producer, error: KafkaError) -> None:
        if error.code() in _FENCED:
            self._fenced(error)
        if error.fatal() or not error.txn_requires_abort():
            self._abort_if_lasting(producer)
            self._doubt(error.str())
        self._abort(producer, error)
        self._raise_if_lasting()
        raise Aborted(self._failures.first or error.str())

    def _abort(self, producer: Producer, cause: KafkaError) -> None:
        try:
            producer.abort_transaction(self._timeout_s)
        except KafkaException as error:
            if error.args[0].code() in _FENCED:
                self._fenced(error.args[0])
            self._doubt(f"{cause.str()}; and the abort: {error.args[0].str()}")

    def _fenced(self, error: KafkaError) -> None:
        """A coordinator also fences a producer whose transaction is overdue: frozen, not replaced."""
        overdue = time.monotonic() - self._begun > 0.9 * self._timeout_s
        if overdue:
            self._doubt(f"the transaction was overdue: {error.str()}")
        self.close()
        raise Fenced(
            f"another process uses the transactional id {self._config['transactional.id']}: "
            f"give each its own TIDEMILL_INSTANCE ({error.str()})"
        )

    def _doubt(self, why: str) -> None:
        self.close()
        raise InDoubt(why)

    def _abort_if_lasting(self, producer: Producer) -> None:
        if self._failures.lasting is not None:
            self._abort(producer, KafkaError(KafkaError._FAIL))
            self._raise_if_lasting()

    def _raise_if_lasting(self) -> None:
        if self._failures.lasting is not None:
            self.close()
            raise FatalError(f"a record can never be written: {self._failures.lasting}")
