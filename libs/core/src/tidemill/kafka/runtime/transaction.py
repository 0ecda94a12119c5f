"""One transactional producer and what can become of its transactions.

A transaction ends in one of four ways: committed (returns), certainly aborted (`Aborted`), in doubt (`InDoubt`: it may
or may not have been committed, the producer is thrown away; `Overdue` where the coordinator has fenced it for its age),
or fenced (`Fenced`: another process owns the id). After a time-out nothing else is safe than a new producer: its
`init_transactions` settles what the old one left open (Kingsbury, Jepsen: Bufstream 0.1, 2024-11).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from tidemill.errors import FatalError, Fenced, RetryLater, TidemillError
from tidemill.kafka import metrics
from tidemill.kafka.batch import Output
from tidemill.kafka.client.producing import DeliveryFailures, produce_all
from tidemill.kafka.client.refusals import explain
from tidemill.kafka.runtime.timed_calls import Stuck, WatchedCalls

__all__ = ["Aborted", "InDoubt", "Overdue", "TransactionSession"]

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
MOST_HANGING = 16
"""So many clients may hang in calls that were given up, each with six threads and ten file handles: seen after brokers
were killed, and for minutes after they were back.
"""
GRACE_S = 2.0
"""So long after its own time-out a call of the client is waited for."""


class Aborted(TidemillError):
    """The transaction was aborted for certain: nothing of it is visible, the session can be used again."""


class InDoubt(TidemillError):
    """Whether the transaction was committed is not known; the session is closed and must be opened again."""


class Overdue(InDoubt):
    """The coordinator has fenced this producer, whose transaction lasted too long: it has aborted it, or had settled it
    before. Such a process was frozen, a zombie; it goes on with a new producer.
    """


class _Unmade(Exception):
    """The outputs of a transaction could not be made: `error` says why."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class TransactionSession:
    """Commits outputs, and offsets with them, in one transaction each. Not thread-safe.

    `config` is a transactional producer's; `factory` makes the producer (tests put theirs here).
    """

    def __init__(self, config: dict[str, Any], *, factory: Callable[[dict[str, Any]], Producer] | None = None) -> None:
        self._failures = DeliveryFailures()
        self._config = config | {"on_delivery": self._failures}
        self._factory = factory or Producer
        self._timeout_s = config.get("transaction.timeout.ms", 60_000) / 1000
        self._producer: Producer | None = None
        self._begun = self._started = 0.0
        self._pending = 0
        self._ghost = False
        self._calls = WatchedCalls(f"transactions-{config['transactional.id']}")

    @property
    def is_open(self) -> bool:
        """True if a transaction can be committed."""
        return self._producer is not None

    def open(self) -> None:
        """Make a producer and initialise it: earlier holders of the id are fenced, their transaction is
        settled.

        Raises RetryLater if the brokers do not answer, FatalError if they refuse, or too many producers hang that were
        thrown away.
        """
        self.close()
        if self._calls.hanging >= MOST_HANGING:
            raise FatalError(
                f"{self._calls.hanging} producers of transactional id {self._config['transactional.id']} hang in calls "
                "that librdkafka does not return from: it ends, to be started again; nothing is lost"
            )
        self._producer = self._factory(self._config)
        try:
            self._watched("init_transactions", timeout_s=_INIT_TIMEOUT_S)
        except (KafkaException, Stuck) as error:
            reason = self._reason(error)
            if not reason.fatal():
                self._producer.poll(0)  # a refusal of the credentials is told to error_cb alone
        else:
            return
        self.close()
        name = self._config["transactional.id"]
        if reason.code() in _REFUSED:
            raise FatalError(f"the brokers refuse transactional id {name}: {explain(reason)}")
        refused = getattr(self._config.get("error_cb"), "refused", None)
        raise RetryLater(refused or f"transactional id {name}: {explain(reason)}")

    def commit(self, outputs: Iterable[Output], offsets: list[TopicPartition], group_metadata: Any = None) -> None:
        """Write all records and the offsets atomically: `start` and `settle` in one."""
        self.start(outputs, offsets, group_metadata)
        with metrics.stage("commit"):
            self.settle()

    def start(self, outputs: Iterable[Output], offsets: list[TopicPartition], group_metadata: Any = None) -> None:
        """Hand over all records in a new transaction and let it be committed, with the offsets, while the caller
        goes on. Nothing else may be started before `settle` has told what became of it.

        `outputs` may be made while they are taken: what is handed over is on its way meanwhile. An exception
        of whoever makes them aborts the transaction and is passed on.

        `group_metadata` is the consumer's at the time of its batch. Raises what `settle` raises.
        """
        if self._producer is None:
            raise InDoubt("the session is not open")
        self._failures.clear()
        self._begun = time.monotonic()
        started = time.perf_counter()
        try:
            self._producer.begin_transaction()
            self._produce(self._producer, outputs)
        except _Unmade as unmade:
            self._abort(KafkaError(KafkaError._APPLICATION, str(unmade.error)))
            raise unmade.error from None
        except (KafkaException, RetryLater, Stuck) as error:
            reason = self._reason(error)
        else:
            self._commit(self._producer, offsets, group_metadata, started)
            return
        self._end(reason)

    def settle(self) -> None:
        """Wait until it is certain that what was started is committed; at once if nothing was.

        Raises Aborted, InDoubt, Fenced; FatalError for a record that the brokers will never take.
        """
        pending, self._pending = self._pending, 0
        try:
            for _ in range(pending):
                self._calls.result(self._timeout_s + GRACE_S)
        except (KafkaException, Stuck) as error:
            reason = self._reason(error)
        else:
            if pending:
                metrics.TRANSACTION_SECONDS.observe(self._calls.ended - self._started)
            return
        self._end(reason)

    def close(self) -> None:
        """Throw the producer away, with whatever it had open."""
        producer, self._producer = self._producer, None
        self._pending = 0
        self._calls.close()
        if producer is not None:
            producer.purge()

    def _commit(self, producer: Producer, offsets: list[TopicPartition], metadata: Any, started: float) -> None:
        calls: list[tuple[Any, ...]] = [(_thawed, self._timeout_s, producer.commit_transaction)]
        if offsets:
            send = producer.send_offsets_to_transaction
            calls.insert(0, (_thawed, self._timeout_s, send, offsets, metadata))
        self._calls.start(*calls)
        self._pending, self._started = len(calls), started

    def _produce(self, producer: Producer, outputs: Iterable[Output]) -> None:
        for output in _made(outputs):
            try:
                with metrics.stage("produce"):
                    produce_all(producer, (output,), self._begun + self._timeout_s)
            except KafkaException as error:
                self._failures.refused(error, output.topic)
                raise

    def _watched(self, name: str, *args: Any, timeout_s: float | None = None) -> None:
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        call = getattr(self._producer, name)
        self._calls.call(_thawed, timeout_s, call, *args, within_s=timeout_s + GRACE_S)

    def _reason(self, error: KafkaException | RetryLater | Stuck) -> KafkaError:
        """The error's reason alone.

        Its traceback holds the producer, and a producer that lives on goes on: one that initialises itself
        behind our back, when the brokers are there again, would fence the next one.
        """
        error.__traceback__ = None
        if isinstance(error, Stuck):
            self._ghost = True
        if isinstance(error, KafkaException):
            return error.args[0]  # type: ignore[no-any-return]
        return KafkaError(KafkaError._TIMED_OUT, str(error))

    def _end(self, reason: KafkaError) -> None:
        if reason.code() in _FENCED:
            self._fenced(reason)
        certain = reason.txn_requires_abort() and not reason.fatal()
        if certain or self._failures.lasting is not None:
            self._abort(reason)
        if self._failures.lasting is not None:
            self.close()
            raise FatalError(f"a record can never be written: {self._failures.lasting}")
        if certain:
            raise Aborted(self._failures.first or reason.str())
        self._doubt(reason.str())

    def _abort(self, cause: KafkaError) -> None:
        try:
            self._watched("abort_transaction")
        except (KafkaException, Stuck) as error:
            reason = self._reason(error)
        else:
            return
        if reason.code() in _FENCED:
            self._fenced(reason)
        self._doubt(f"{cause.str()}; and the abort: {reason.str()}")

    def _fenced(self, reason: KafkaError) -> None:
        """Tell who fenced us. A coordinator also fences a producer whose transaction is overdue: one that was
        frozen. And a producer of our own that was given up within a call may have come back to life.
        """
        if time.monotonic() - self._begun > 0.9 * self._timeout_s:
            self.close()
            raise Overdue(
                f"the transaction was overdue, {time.monotonic() - self._begun:.1f} s old, and the coordinator has "
                f"ended it and shut its producer out ({reason.str()}); a new one goes on"
            )
        if self._ghost:
            self._ghost = False
            self._doubt(f"perhaps fenced by a producer that was given up: {reason.str()}")
        self.close()
        raise Fenced(
            f"another process uses the transactional id {self._config['transactional.id']}: "
            f"give each its own TIDEMILL_INSTANCE ({reason.str()})"
        )

    def _doubt(self, why: str) -> None:
        self.close()
        raise InDoubt(why)


def _thawed(timeout_s: float, call: Callable[..., Any], *args: Any) -> None:
    """Make a call of the client; once more where this process stood still within it.

    The client's clock did not stand still, and it has given up before it looked for the answer. The same call, made
    again, is the same request: it tells whether we were fenced meanwhile.
    """
    began = time.monotonic()
    try:
        call(*args, timeout_s)
        return
    except KafkaException as error:
        thawed = time.monotonic() - began > timeout_s + GRACE_S
        if not thawed or error.args[0].code() != KafkaError._TIMED_OUT:
            raise
    call(*args, GRACE_S)


def _made(outputs: Iterable[Output]) -> Iterator[Output]:
    """The outputs as they are made; tells an exception of their maker from one of the client."""
    try:
        yield from outputs
    except Exception as error:
        raise _Unmade(error) from error
