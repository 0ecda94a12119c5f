"""What the runtime's broker tests share: topics, records in, a runner in a thread, records out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewTopic

from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.client.bounded import groupless_consumer, watermarks
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.runtime.runner import TransactionalRunner
from tidemill.settings import KafkaSettings


class World:
    """One test's topics ``in`` and ``out`` under its prefix."""

    def __init__(self, kafka: str, prefix: str, *, partitions: int = 4, group_protocol: Any = "classic") -> None:
        self.settings = KafkaSettings(
            kafka_bootstrap=kafka,
            prefix=prefix,
            session_timeout_ms=6_000,
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

    def feed(self, first: int, count: int) -> None:
        """Records with the values ``first`` … in turn over the partitions."""
        numbers = range(first, first + count)
        values = [b"%d" % number for number in numbers]
        with Publisher(self.settings, name="feed") as publisher:
            publisher.publish_all(
                [Output(self.source, values, values, [number % self.partitions for number in numbers])]
            )

    def written(self, *, uncommitted: bool = False) -> list[int]:
        """All values in ``out``, sorted."""
        batches = scan(self.settings, self.sink, read_uncommitted=uncommitted)
        return sorted(int(value) for batch in batches for value in batch.values if value is not None)

    def open_transactions(self) -> bool:
        """True while a partition of ``out`` has records that are neither committed nor aborted."""
        ends = []
        for level in ("read_committed", "read_uncommitted"):
            consumer = groupless_consumer(self.settings, "ends", isolation_level=level)
            try:
                ends.append(watermarks(consumer, self.sink, range(self.partitions)))
            finally:
                consumer.close()
        return ends[0] != ends[1]

    def lag(self) -> dict[int, int]:
        """End offset (markers and aborted records counted) minus committed offset per partition of ``in``; -1
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


class Running:
    """A runner at work in a thread; ``error`` is what ended it."""

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
def running(world: World, *, process: Any = None, name: str = "0", **more: Any) -> Iterator[Running]:
    """A runner over the world's topics until the block ends."""
    stop = threading.Event()
    runner = TransactionalRunner(
        world.settings,
        group=world.group,
        transactional_id=f"{world.settings.prefix}worker-{name}",
        topics=more.pop("topics", [world.source]),
        process=process or passing_to(world.sink),
        stop=stop,
        **more,
    )
    work = Running(runner, stop)
    try:
        yield work
    finally:
        work.end()


def passing_to(topic: str) -> Any:
    """Logic that writes every record unchanged to the same partition of ``topic``."""

    def process(batches: Sequence[Batch]) -> list[Output]:
        return [Output(topic, b.values, b.keys, b.partitions, b.headers) for b in batches]

    return process
