"""Stand-ins for Kafka's clients, for the parts of the runtime that are decided without a broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition


def failure(code: int, *, fatal: bool = False, retriable: bool = False, abort: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, "said by the test", fatal, retriable, abort))


class FakeProducer:
    """Records calls; raises what `failures` has for a method's name, once."""

    def __init__(self, config: dict[str, Any], failures: dict[str, Exception] | None = None) -> None:
        self.config = config
        self.calls: list[str] = []
        self.records: list[tuple[Any, ...]] = []
        self.failures = {} if failures is None else failures

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failures:
            raise self.failures.pop(name)

    def init_transactions(self, timeout: float) -> None:
        self._call("init")

    def begin_transaction(self) -> None:
        self._call("begin")

    def produce(self, *record: Any) -> None:
        self._call("produce")
        self.records.append(record)

    def send_offsets_to_transaction(self, offsets: Any, metadata: Any, timeout: float) -> None:
        self._call("offsets")

    def commit_transaction(self, timeout: float) -> None:
        self._call("commit")

    def abort_transaction(self, timeout: float) -> None:
        self._call("abort")

    def poll(self, timeout: float) -> int:
        self._call("poll")
        return 0

    def purge(self) -> None:
        self._call("purge")


class FakeConsumer:
    """Answers about offsets from dictionaries; records seeks, assigns and resumes."""

    def __init__(self, committed: dict[tuple[str, int], int], first: int = 0) -> None:
        self.committed_offsets = committed
        self.positions: dict[tuple[str, int], int] = {}
        self.first = first
        self.seeks: list[tuple[str, int, int]] = []
        self.assigned: list[TopicPartition] = []
        self.resumed: list[TopicPartition] = []
        self.committed_failures: list[Exception] = []
        self.on_seek: Callable[[], None] = lambda: None

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.committed_failures:
            raise self.committed_failures.pop()
        return [
            TopicPartition(tp.topic, tp.partition, self.committed_offsets.get((tp.topic, tp.partition), -1001))
            for tp in partitions
        ]

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        return self.first, self.first + 100

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [
            TopicPartition(tp.topic, tp.partition, self.positions.get((tp.topic, tp.partition), -1001))
            for tp in partitions
        ]

    def seek(self, partition: TopicPartition) -> None:
        self.on_seek()
        self.seeks.append((partition.topic, partition.partition, partition.offset))

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned += partitions

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        gone = {(tp.topic, tp.partition) for tp in partitions}
        self.assigned = [tp for tp in self.assigned if (tp.topic, tp.partition) not in gone]

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.resumed += partitions
