"""The exactly-once loop: consume, transform, produce, with offsets and outputs in one Kafka transaction.

The group's metadata is taken together with the batch and never later: fencing (KIP-447) is by the member's
generation, so fresh metadata would let offsets of a partition pass that another member has taken over.

While records wait, three batches are on their way at once: one is read, one is made, one is committed (`Line`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from opentelemetry.trace import Tracer

from tidemill.errors import FatalError, HoldTopics, RetryLater, TidemillError
from tidemill.kafka import metrics
from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.kafka.client.hearing import Hearing
from tidemill.kafka.client.refusals import explain
from tidemill.kafka.partitions.assignment import Assignment
from tidemill.kafka.partitions.known_topics import Identities
from tidemill.kafka.partitions.lag import Lag
from tidemill.kafka.partitions.membership import Membership
from tidemill.kafka.partitions.subscription import Subscription, leave
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill.kafka.poison.raising import Careful
from tidemill.kafka.poison.steps import Steps
from tidemill.kafka.poison.watchdog import Watchdog
from tidemill.kafka.runtime.config import KAFKA, Clients, RunnerConfig
from tidemill.kafka.runtime.executor import Dropped, Maker, short_turns
from tidemill.kafka.runtime.gc_tuning import few_collections
from tidemill.kafka.runtime.loop_status import Trouble
from tidemill.kafka.runtime.outputs import Making
from tidemill.kafka.runtime.pausing import Holds
from tidemill.kafka.runtime.pipeline import Line
from tidemill.kafka.runtime.recovery import Recovery
from tidemill.kafka.runtime.transaction import Aborted, InDoubt, Overdue, TransactionSession
from tidemill.kafka.worker import TolerantWorker, Worker
from tidemill.service.at_rest import AtRest
from tidemill.service.health import Health, Heartbeat
from tidemill.telemetry.tracing import batch_span

__all__ = ["TransactionalRunner"]

_log = logging.getLogger(__name__)
_IDLE_COMMIT_S = 0.5  # markers of other writers move positions too; that alone is not worth more commits than this
_AHEAD_LINGER_S = 0.005  # what is made already waits no longer than this for more to be read
_NO_TROUBLE = (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)
_STUCK_S = 120.0  # a batch, or the hook for new partitions, may take a while


class TransactionalRunner:
    """Runs a worker over committed records of `config.topics`, exactly once. `Worker` says what it promises to it.

    Every record's outputs and its offset become visible together or not at all, whatever is killed in
    between, provided that `process` depends on nothing but its input. Order per partition is kept.

    Brokers that are away are waited for; `run()` raises Fenced where another process took over the transactional id,
    FatalError where the brokers refuse for good, or answer others but not this client, and what the worker raises
    beside `RetryLater` and `HoldTopics`. A `process` that takes more than `config.stuck_after_s` ends this process,
    where the worker is a `TolerantWorker`.
    """

    def __init__(
        self,
        config: RunnerConfig,
        worker: Worker,
        stop: threading.Event,
        *,
        health: Health | None = None,
        tracer: Tracer | None = None,
        clients: Clients = KAFKA,
    ) -> None:
        self._config, self._worker, self._stop, self._clients = config, worker, stop, clients
        self._session = TransactionSession(config.producer(), factory=clients.producer)
        self._watchdog = Watchdog(config.stuck_after_s)
        self._process = self._bearing(worker)
        self._around = (lambda batches: batch_span(tracer, batches, config.group)) if tracer else None
        self._trouble, self._heartbeat = Trouble(_log), Heartbeat(_STUCK_S)
        self._maker = Maker(f"making-{config.transactional_id}")
        self._line = Line(self._session, self._maker, self._committed, epoch=lambda: self._holds.topics)
        self._hearing = Hearing(config.settings, self._a_topic, make_other=partial(clients.admin, config.settings))
        self._assignment = Assignment(
            stop, self._trouble, worker, before_change=self._line.halt, hearing=self._hearing,
            identities=Identities(ids=self._topic_ids(), known=config.known_topics, group=config.group),
        )  # fmt: skip
        self._lag, self._holds = Lag(config.group), Holds(self._assignment, before_change=self._line.clear)
        self._steps: Steps | None = None
        if isinstance(worker, TolerantWorker):
            self._steps = Steps(self._assignment, self._line, worker.process, worker.unread, self._watchdog)
        self._subscription = Subscription(self._assignment, config.topics, self._topic_ids())
        self._recovery = Recovery(stop, self._session, self._assignment, self._trouble, self._heartbeat, self._hearing)
        self._joined = False
        self._rest = AtRest()
        if health is not None:
            health.add_live("loop", self._heartbeat)
            health.add_ready("kafka", self._trouble)
            asked = self._subscription
            health.add_ready("group", lambda: "not in the group yet" if asked.topics and not self._joined else None)

    def _bearing(self, worker: Worker) -> Callable[[list[Batch]], list[Output]]:
        if not isinstance(worker, TolerantWorker):
            return worker.process
        return Careful(self._watchdog.watching(worker.process), worker.set_aside)

    def _topic_ids(self) -> TopicIds:
        return TopicIds(partial(self._clients.admin, self._config.settings))

    def _a_topic(self) -> str | None:
        return next(iter(self._subscription.topics), None)

    @property
    def assigned(self) -> frozenset[Partition]:
        """Partitions held now."""
        return self._assignment.partitions

    @property
    def subscribed(self) -> tuple[str, ...]:
        """Topics that are asked for by now; none before the producer has the transactional id."""
        return self._subscription.topics

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for these topics from the next turn on, from any thread. None: leave the group and idle."""
        self._subscription.set(topics)

    def hold_topics(self, topics: Collection[str]) -> None:
        """Read these topics, and no others, no further from the next turn on; they stay assigned. From any thread."""
        self._holds.set(topics)

    def at_rest(self, work: Callable[[], None]) -> None:
        """Have the loop do `work` when all that was read is committed, and nothing is made; from any other thread.
        Returns when it is done. Raises what it raises, RetryLater where the loop comes to no rest in time.
        """
        self._rest.ask(work)

    def run(self) -> None:
        """Work until `stop` is set; then what is being committed is settled, the rest and the group are left."""
        consumer = self._clients.consumer(self._config.consumer())
        try:
            self._watchdog.start()
            self._recovery.reopen(consumer)
            with few_collections(), short_turns(), self._rest:
                while not self._stop.is_set():
                    self._turn(consumer)
            self._finish()
        finally:
            self._close(consumer)

    def _turn(self, consumer: Consumer) -> None:
        self._subscription.apply(consumer)
        self._heartbeat.beat()
        try:
            self._step(consumer)
        except KafkaException as error:
            raise FatalError(f"group {self._config.group}: {explain(error.args[0])}") from error
        except (Dropped, HoldTopics, RetryLater, Aborted, InDoubt) as error:
            self._recover(consumer, error)

    def _step(self, consumer: Consumer) -> None:
        if self._rest.waiting:
            self._line.drain()
            self._rest.turn()
        self._find_astray(consumer)
        self._holds.apply(consumer)
        self._lag.tell(consumer, self._assignment.stands)
        started = time.perf_counter()
        linger_s, most = self._config.linger_s, self._config.batch_size
        if len(self._line):
            linger_s = min(linger_s, _AHEAD_LINGER_S)
        if self._steps is not None:
            most = self._steps.size(consumer, self._holds.pass_over(), most)
        messages = consumer.consume(most, linger_s)
        self._hearing.listen(consumer, messages)
        if messages:
            metrics.STAGE_SECONDS.labels("consume").inc(time.perf_counter() - started)
        metadata = consumer.consumer_group_metadata()
        self._joined = Membership.of(metadata).active
        self._line.check()
        self._greet()
        self._work(consumer, messages, metadata)

    def _find_astray(self, consumer: Consumer) -> None:
        self._assignment.look()
        if self._assignment.astray.due:
            self._line.drain()  # what was read may be in the log no more
            self._assignment.find(consumer)
            self._recovery.rewind(consumer)

    def _work(self, consumer: Consumer, messages: list[Message], metadata: bytes) -> None:
        held = self._holds.pass_over()
        records = self._assignment.mine(messages, held)
        if len(records) < len(messages):
            self._note_errors(messages)
            records = self._assignment.mine(messages, held)  # what is astray by now is not committed with them
        if not records:
            self._line.drain()
            if self._steps is not None:
                self._steps.nothing_read()
            self._idle(consumer, metadata, held)
            return
        if not self._joined:
            raise Aborted("thrown out of the group: the batch is dropped")
        with metrics.stage("columns"):
            batches = self._assignment.batches(records)
        making = Making(self._process, batches, before=self._worker.before_batch, around=self._around)
        if self._steps is not None and self._steps.due(batches):
            self._line.drain()
            making = self._steps.take(making, metadata)
        self._line.add(making, self._assignment.moved(consumer, held), metadata)
        self._write_all_but(1 if len(messages) >= self._config.batch_size else 0)  # a full batch: there is more to read

    def _write_all_but(self, ahead: int) -> None:
        while len(self._line) > ahead:
            self._line.write()

    def _committed(self, making: Making, offsets: list[TopicPartition]) -> None:
        self._assignment.committed(offsets)
        self._recovery.committed()
        metrics.TRANSACTIONS.labels("committed").inc()
        if making.batches:
            self._recovery.over()
        for batch in making.batches:
            metrics.CONSUMED.labels(batch.topic).inc(len(batch))
        for topic, records in making.written.items():
            metrics.PRODUCED.labels(topic).inc(records)

    def _recover(self, consumer: Consumer, error: TidemillError) -> None:
        """Drop what was read ahead, settle what is being committed, and go back to what was committed for certain."""
        if isinstance(error, HoldTopics):
            self.hold_topics(self._holds.topics | error.topics)
        try:
            self._line.clear()
        except (Aborted, InDoubt) as worse:
            error = worse
        if isinstance(error, InDoubt):
            fenced = isinstance(error, Overdue)
            metrics.TRANSACTIONS.labels("fenced" if fenced else "in_doubt").inc()
            self._trouble.enter("fenced" if fenced else "transaction in doubt", str(error))
            self._recovery.reopen(consumer)
        elif isinstance(error, Aborted):
            metrics.TRANSACTIONS.labels("aborted").inc()
            self._recovery.retry(consumer, "transaction aborted", str(error))
        elif isinstance(error, RetryLater):
            self._recovery.retry(consumer, "retrying", str(error), error.delay_s)
        else:
            self._recovery.rewind(consumer)

    def _idle(self, consumer: Consumer, metadata: bytes, held: Collection[str]) -> None:
        self._worker.idle()
        self._recovery.idle()
        if self._joined and time.monotonic() - self._line.last_commit > _IDLE_COMMIT_S:
            offsets = self._assignment.moved(consumer, held)
            if offsets:
                self._line.add(Making(self._process, []), offsets, metadata)
                self._line.write()
                self._line.settle()

    def _greet(self) -> None:
        """Tell the worker of new partitions; they stay new until it has taken them."""
        fresh = self._assignment.fresh
        if fresh:
            self._worker.assigned(list(fresh))
            fresh.clear()
            self._recovery.over()

    def _note_errors(self, messages: list[Message]) -> None:
        self._assignment.note(messages)
        for message in messages:
            error = message.error()
            if error is None or error.code() in _NO_TROUBLE or self._subscription.lacks(message):
                continue
            if error.fatal():
                raise FatalError(f"group {self._config.group}: {error.str()}")
            self._trouble.enter(f"consumer: {error.name()}", explain(error))

    def _finish(self) -> None:
        try:
            self._line.clear()
        except (Aborted, InDoubt) as error:
            _log.info("the last batch is left to whoever comes next: %s", error)

    def _close(self, consumer: Consumer) -> None:
        self._line.halt()
        self._watchdog.close()
        self._maker.close()
        self._session.close()
        leave(consumer)
