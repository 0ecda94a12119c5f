"""The exactly-once loop: consume, transform, produce, with offsets and outputs in one Kafka transaction.

The group's metadata is taken together with the batch and never later: fencing (KIP-447) is by the member's
generation, so fresh metadata would let offsets of a partition pass that another member has taken over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from opentelemetry.trace import Tracer

from tidemill.errors import FatalError, HoldTopics, RetryLater
from tidemill.kafka import metrics
from tidemill.kafka.assignment import Assignment, Partition, StartOffsets
from tidemill.kafka.backoff import Backoff
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.clients import member_config, producer_config
from tidemill.kafka.collecting import few_collections
from tidemill.kafka.holding import Holds
from tidemill.kafka.making import Making
from tidemill.kafka.membership import Membership
from tidemill.kafka.refusals import explain
from tidemill.kafka.session import Aborted, InDoubt, Overdue, TransactionSession
from tidemill.kafka.trouble import Trouble
from tidemill.service.health import Health, Heartbeat
from tidemill.settings import KafkaSettings
from tidemill.telemetry.tracing import batch_span

__all__ = ["Partition", "Process", "TransactionalRunner"]

Process = Callable[[list[Batch]], list[Output]]
"""A worker's pure logic: one batch per topic in, records to write out. Large batches come in pieces."""

_log = logging.getLogger(__name__)
_IDLE_COMMIT_S = 0.5  # markers of other writers move positions too; that alone is not worth more commits than this
_HOLD_POLL_S = 0.5
_SETTLED_S = 5.0
_CLOSE_S = 5.0
_STUCK_S = 120.0  # a batch, or the hook for new partitions, may take a while


class TransactionalRunner:
    """Runs ``process`` over committed records of ``topics``, exactly once.

    Every record's outputs and its offset become visible together or not at all, whatever is killed in
    between, provided that ``process`` depends on nothing but its input. Order per partition is kept.

    What exceptions of ``process`` and of the hooks do: ``RetryLater`` waits (as a member of the group, with
    partitions paused) and tries the same records again, for ever; anything else ends ``run()`` with nothing
    of the batch written. Brokers that are away are waited for; ``run()`` raises Fenced where another
    process took over ``transactional_id``, FatalError where the brokers refuse for good.

    Hooks, all called on the loop's thread: ``start_offsets(partitions)`` gives first offsets of partitions
    without a committed one; ``on_assigned(partitions)`` runs before the first batch of new partitions and
    may take seconds; ``on_revoked(partitions)`` after some are gone; ``before_batch()`` between batches;
    ``on_idle()`` on a turn without records. ``batch_size`` and ``linger_s`` bound a batch by records and by
    time.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        group: str,
        transactional_id: str,
        topics: Sequence[str],
        process: Process,
        stop: threading.Event,
        batch_size: int = 5_000,
        linger_s: float = 0.1,
        start_offsets: StartOffsets | None = None,
        on_assigned: Callable[[list[Partition]], None] | None = None,
        on_revoked: Callable[[list[Partition]], None] | None = None,
        before_batch: Callable[[], None] | None = None,
        on_idle: Callable[[], None] | None = None,
        health: Health | None = None,
        tracer: Tracer | None = None,
        consumer_over: Mapping[str, Any] | None = None,
        producer_over: Mapping[str, Any] | None = None,
    ) -> None:
        self._consumer_config = member_config(settings, group, **(consumer_over or {}))
        self._session = TransactionSession(producer_config(settings, transactional_id, **(producer_over or {})))
        self._group = group
        self._process = process
        self._stop = stop
        self._batch_size, self._linger_s = batch_size, linger_s
        self._on_assigned, self._before_batch, self._on_idle = on_assigned, before_batch, on_idle
        self._tracer = tracer
        self._trouble = Trouble(_log)
        self._heartbeat = Heartbeat(_STUCK_S)
        self._backoff = Backoff()
        self._assignment = Assignment(stop, self._trouble, start_offsets=start_offsets, on_revoked=on_revoked)
        self._holds = Holds(self._assignment)
        self._lock = threading.Lock()
        self._wanted: tuple[str, ...] = tuple(topics)
        self._subscribed: tuple[str, ...] = ()
        self._joined = False
        self._last_commit = 0.0
        self._retried = 0.0
        if health is not None:
            health.add_live("loop", self._heartbeat)
            health.add_ready("kafka", self._trouble)
            health.add_ready("group", self._membership_check)

    @property
    def assigned(self) -> frozenset[Partition]:
        """Partitions held now."""
        return self._assignment.partitions

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for these topics from the next turn on, from any thread. None: leave the group and idle."""
        with self._lock:
            self._wanted = tuple(topics)

    def hold_topics(self, topics: Collection[str]) -> None:
        """Read these topics, and no others, no further from the next turn on; they stay assigned. From any thread."""
        self._holds.set(topics)

    def run(self) -> None:
        """Work until ``stop`` is set; then the batch at hand is finished or aborted, and the group left."""
        consumer = Consumer(self._consumer_config)
        try:
            self._reopen(consumer)
            with few_collections():
                while not self._stop.is_set():
                    self._turn(consumer)
        finally:
            self._close(consumer)

    def _turn(self, consumer: Consumer) -> None:
        self._apply_subscription(consumer)
        self._heartbeat.beat()
        try:
            self._holds.apply(consumer)
            started = time.perf_counter()
            messages = consumer.consume(self._batch_size, self._linger_s)
            if messages:
                metrics.STAGE_SECONDS.labels("consume").inc(time.perf_counter() - started)
            metadata = consumer.consumer_group_metadata()
            self._joined = Membership.of(metadata).active
            self._greet()
            self._work(consumer, messages, metadata)
        except HoldTopics as error:
            self.hold_topics(self._holds.topics | error.topics)
        except RetryLater as error:
            self._retry(consumer, "retrying", str(error), error.delay_s)
        except Aborted as error:
            metrics.TRANSACTIONS.labels("aborted").inc()
            self._retry(consumer, "transaction aborted", str(error), self._backoff.next_s())
        except InDoubt as error:
            fenced = isinstance(error, Overdue)
            metrics.TRANSACTIONS.labels("fenced" if fenced else "in_doubt").inc()
            self._trouble.enter("fenced" if fenced else "transaction in doubt", str(error))
            self._reopen(consumer)
        except KafkaException as error:
            raise FatalError(f"group {self._group}: {explain(error.args[0])}") from error

    def _work(self, consumer: Consumer, messages: list[Message], metadata: bytes) -> None:
        held = self._holds.topics
        records = [
            m
            for m in messages
            if m.error() is None and (m.topic(), m.partition()) in self._assignment and m.topic() not in held
        ]
        if len(records) < len(messages):
            self._note_errors(messages)
        if not records:
            self._idle(consumer, metadata)
            return
        if not self._joined:
            raise Aborted("thrown out of the group: the batch is dropped")
        if self._before_batch is not None:
            self._before_batch()
        offsets = self._holds.moved(consumer)
        with metrics.stage("columns"):
            batches = Batch.from_messages(records)
        with batch_span(self._tracer, batches, self._group) if self._tracer else nullcontext():
            self._commit(batches, offsets, metadata)
        self._over()
        for batch in batches:
            metrics.CONSUMED.labels(batch.topic).inc(len(batch))

    def _commit(self, batches: list[Batch], offsets: list[TopicPartition], metadata: bytes) -> None:
        making = Making(self._process, batches)
        with metrics.TRANSACTION_SECONDS.time():
            self._session.commit(making, offsets, metadata)
        self._assignment.committed(offsets)
        self._last_commit = time.monotonic()
        self._backoff.reset()
        metrics.TRANSACTIONS.labels("committed").inc()
        for topic, records in making.written.items():
            metrics.PRODUCED.labels(topic).inc(records)

    def _idle(self, consumer: Consumer, metadata: bytes) -> None:
        if self._on_idle is not None:
            self._on_idle()
        if self._retried and time.monotonic() - self._retried > _SETTLED_S:
            self._over()  # what was to be retried has gone to another member
        if self._joined and time.monotonic() - self._last_commit > _IDLE_COMMIT_S:
            offsets = self._holds.moved(consumer)
            if offsets:
                self._commit([], offsets, metadata)

    def _over(self) -> None:
        self._retried = 0.0
        self._trouble.clear()

    def _greet(self) -> None:
        """Tell the worker of new partitions; they stay new until it has taken them."""
        fresh = self._assignment.fresh
        if fresh:
            if self._on_assigned is not None:
                self._on_assigned(list(fresh))
            fresh.clear()
            self._over()

    def _retry(self, consumer: Consumer, kind: str, reason: str, delay_s: float) -> None:
        self._trouble.enter(kind, reason)
        self._retried = time.monotonic()
        while True:
            self._hold(consumer, delay_s)
            if self._stop.is_set():
                return
            try:
                self._assignment.rewind(consumer)
                return
            except RetryLater as error:
                self._trouble.enter("rewinding", str(error))

    def _reopen(self, consumer: Consumer) -> None:
        """Get a working producer, however long it takes; go on from where the brokers say that we are."""
        while not self._stop.is_set():
            try:
                self._session.open()
                self._assignment.reload(consumer)
                self._assignment.rewind(consumer)
                self._over()
                return
            except RetryLater as error:
                self._trouble.enter("waiting for the brokers", str(error))
                self._hold(consumer, self._backoff.next_s())

    def _hold(self, consumer: Consumer, seconds: float) -> None:
        """Wait as a member of the group that takes no records; what slips through is read again after a
        rewind.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            self._heartbeat.beat()
            consumer.pause([TopicPartition(*partition) for partition in self.assigned])
            consumer.consume(1, min(left, _HOLD_POLL_S))
        consumer.resume([TopicPartition(*partition) for partition in self.assigned])

    def _apply_subscription(self, consumer: Consumer) -> None:
        with self._lock:
            wanted = self._wanted
        if wanted == self._subscribed:
            return
        if wanted:
            keep = self._assignment
            consumer.subscribe(list(wanted), on_assign=keep.assign, on_revoke=keep.revoke, on_lost=keep.lose)
        else:
            consumer.unsubscribe()
        self._subscribed = wanted
        _log.info("subscribed to %s", ", ".join(wanted) or "nothing")

    def _note_errors(self, messages: list[Message]) -> None:
        for message in messages:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                continue
            if error.fatal():
                raise FatalError(f"group {self._group}: {error.str()}")
            self._trouble.enter(f"consumer: {error.name()}", explain(error))

    def _membership_check(self) -> str | None:
        return "has not joined the group yet" if self._subscribed and not self._joined else None

    def _close(self, consumer: Consumer) -> None:
        self._session.close()
        closer = threading.Thread(target=consumer.close, name="consumer-close", daemon=True)
        closer.start()
        closer.join(_CLOSE_S)  # without brokers a farewell can take long; the session time-out says it too
