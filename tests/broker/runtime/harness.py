"""What the runtime's broker tests share: topics, records in, a runner in a thread, records out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewTopic

from tests.support.kafka.in_memory_kafka import InMemoryKafka
from tests.support.kafka.timeouts import SESSION_MS
from tests.support.kafka.workers import FunctionWorker, passing_to
from tidemill.kafka.batch import Output
from tidemill.kafka.client.bounded import groupless_consumer, watermarks
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.runtime.config import KAFKA, Clients, RunnerConfig
from tidemill.kafka.runtime.runner import TransactionalRunner
from tidemill.kafka.worker import Worker
from tidemill.service import Health
from tidemill.settings import KafkaSettings


class World:
    """One test's topics `in` and `out` under its prefix."""

    clients = KAFKA

    def __init__(self, kafka: str, prefix: str, *, partitions: int = 4, group_protocol: Any = "classic") -> None:
        self.settings = KafkaSettings(
            kafka_bootstrap=kafka,
            prefix=prefix,
            session_timeout_ms=SESSION_MS,
            transaction_timeout_ms=5_000,
            group_protocol=group_protocol,
        )
        self.partitions = partitions
        self.source, self.sink = f"{prefix}in", f"{prefix}out"
        self.group = f"{prefix}group"
        self.create(self.source, self.sink)

    def create(self, *topics: str, partitions: int | None = None, config: dict[str, str] | None = None) -> None:
        new = [NewTopic(topic, partitions or self.partitions, 1, config=config or {}) for topic in topics]
        client = admin(self.settings)
        for future in client.create_topics(new).values():
            future.result()

    def feed(self, first: int, count: int, topic: str | None = None, partition: int | None = None) -> None:
        """Records with the values `first` … in turn over the partitions (of `in`), or all into one."""
        numbers = range(first, first + count)
        values = [b"%d" % number for number in numbers]
        places = [number % self.partitions if partition is None else partition for number in numbers]
        with Publisher(self.settings, name="feed") as publisher:
            publisher.publish_all([Output(topic or self.source, values, values, places)])

    def commit(self, partition: int, offset: int, metadata: str) -> None:
        """In the name of the group, while it has no members."""
        place = TopicPartition(self.source, partition, offset, metadata=metadata)
        consumer = groupless_consumer(self.settings, self.group.removeprefix(self.settings.prefix))
        try:
            consumer.commit(offsets=[place], asynchronous=False)
        finally:
            consumer.close()

    def written(self, *, uncommitted: bool = False) -> list[int]:
        """All values in `out`, sorted."""
        batches = scan(self.settings, self.sink, read_uncommitted=uncommitted)
        return sorted(int(value) for batch in batches for value in batch.values if value is not None)

    def written_in_order(self) -> dict[int, list[int]]:
        """The values in `out` by partition, in the order of the log."""
        found: dict[int, list[int]] = {}
        for batch in scan(self.settings, self.sink):
            for number, value in zip(batch.partitions, batch.values, strict=True):
                found.setdefault(number, []).append(int(value or b"-1"))
        return found

    def open_transactions(self) -> bool:
        """True while a partition of `out` has records that are neither committed nor aborted."""
        ends = []
        for level in ("read_committed", "read_uncommitted"):
            consumer = groupless_consumer(self.settings, "ends", isolation_level=level)
            try:
                ends.append(watermarks(consumer, self.sink, range(self.partitions)))
            finally:
                consumer.close()
        return ends[0] != ends[1]

    def lag(self) -> dict[int, int]:
        """End offset (markers and aborted records counted) minus committed offset per partition of `in`; -1
        where nothing is committed.
        """
        numbers = range(self.partitions)
        consumer = groupless_consumer(
            self.settings, self.group.removeprefix(self.settings.prefix), isolation_level="read_uncommitted"
        )
        try:
            ends = watermarks(consumer, self.source, numbers)
            committed = consumer.committed([TopicPartition(self.source, n) for n in numbers], timeout=10)
            return {tp.partition: ends[tp.partition][1] - tp.offset if tp.offset >= 0 else -1 for tp in committed}
        finally:
            consumer.close()


class InMemoryWorld(World):
    """The same in memory, on the tests' own fake of Kafka."""

    def __init__(self, *, partitions: int = 4, kafka: InMemoryKafka | None = None) -> None:
        self._kafka = kafka or InMemoryKafka()
        self.clients = self._kafka.clients()
        super().__init__("nowhere:1", "in-memory.", partitions=partitions)

    def create(self, *topics: str, partitions: int | None = None, config: dict[str, str] | None = None) -> None:
        for topic in topics:
            self._kafka.create(topic, partitions or self.partitions)

    def feed(self, first: int, count: int, topic: str | None = None, partition: int | None = None) -> None:
        for number in range(first, first + count):
            place = number % self.partitions if partition is None else partition
            self._kafka.append(topic or self.source, place, b"%d" % number)

    def commit(self, partition: int, offset: int, metadata: str) -> None:
        self._kafka.committed[self.source, partition] = offset, metadata

    def written(self, *, uncommitted: bool = False) -> list[int]:
        return sorted(value for values in self.written_in_order().values() for value in values)

    def written_in_order(self) -> dict[int, list[int]]:
        logs = {number: list(self._kafka.logs[self.sink, number]) for number in range(self.partitions)}
        return {number: [int(value) for value, _, _ in log] for number, log in logs.items() if log}


class Running:
    """A runner at work in a thread; `error` is what ended it."""

    def __init__(self, runner: TransactionalRunner, stop: threading.Event) -> None:
        self.runner = runner
        self.stop = stop
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.runner.run()
        except BaseException as error:  # noqa: BLE001 - kept for the test to look at
            self.error = error

    def end(self) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), "the runner does not stop"


@contextmanager
def running(
    world: World,
    *,
    worker: Worker | None = None,
    process: Any = None,
    name: str = "0",
    health: Health | None = None,
    clients: Clients | None = None,
    **more: Any,
) -> Iterator[Running]:
    """A runner over the world's topics until the block ends; `more`: hooks of the worker, the runner's settings."""
    stop = threading.Event()
    hooks = {hook: more.pop(hook) for hook in FunctionWorker.HOOKS & more.keys()}
    config = RunnerConfig(
        settings=world.settings,
        group=world.group,
        transactional_id=f"{world.settings.prefix}worker-{name}",
        topics=more.pop("topics", [world.source]),
        **more,
    )
    worker = worker or FunctionWorker(process or passing_to(world.sink), **hooks)
    work = Running(TransactionalRunner(config, worker, stop, health=health, clients=clients or world.clients), stop)
    try:
        yield work
    finally:
        work.end()
