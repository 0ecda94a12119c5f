"""A fake of Kafka, in memory and of the tests' own: logs, one group, transactions, for the exactly-once loop alone.

It keeps what the loop rests on: a transaction is visible whole or not at all, offsets are fenced by the member's
generation, a transactional id by its newest producer, a partition goes to a member after the one before has let it go.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from tidemill.kafka.batch import Partition
from tidemill.kafka.runtime.config import Clients


@dataclass(frozen=True, slots=True)
class InMemoryMessage:
    at: tuple[str, int, int]
    record: tuple[Any, Any, Any]

    def topic(self) -> str:
        return self.at[0]

    def partition(self) -> int:
        return self.at[1]

    def offset(self) -> int:
        return self.at[2]

    def timestamp(self) -> tuple[int, int]:
        return 1, 0

    def value(self) -> Any:
        return self.record[0]

    def key(self) -> Any:
        return self.record[1]

    def headers(self) -> Any:
        return self.record[2]

    def error(self) -> None:
        return None


class InMemoryKafka:
    """All members are of one group. Thread-safe: `changed` guards everything."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.logs: dict[Partition, list[tuple[Any, Any, Any]]] = {}
        self.committed: dict[Partition, tuple[int, str]] = {}
        self.members: list[InMemoryConsumer] = []
        self.generation = 0
        self.epochs: dict[str, int] = {}

    def clients(self) -> Clients:
        """To be given to a runner."""
        return Clients(partial(InMemoryConsumer, self), partial(InMemoryProducer, self), lambda _: InMemoryAdmin())  # type: ignore[arg-type]

    def create(self, topic: str, partitions: int) -> None:
        self.logs |= {(topic, number): [] for number in range(partitions)}

    def append(self, topic: str, number: int, value: Any, key: Any = None, headers: Any = None) -> None:
        with self.changed:
            self.logs[topic, number].append((value, key, headers))
            self.changed.notify_all()

    def share(self, member: InMemoryConsumer) -> set[Partition]:
        place = self.members.index(member)
        partitions = sorted(p for p in self.logs if p[0] in member.topics)
        return set(partitions[place :: len(self.members)])

    def rejoin(self, change: Callable[[InMemoryConsumer], None], member: InMemoryConsumer) -> None:
        with self.changed:
            change(member)
            self.generation += 1


class InMemoryConsumer:
    """One member."""

    def __init__(self, kafka: InMemoryKafka, config: dict[str, Any]) -> None:
        self._kafka = kafka
        self._generation = -1
        self._next: dict[Partition, int] = {}
        self._read: set[Partition] = set()
        self._paused: set[Partition] = set()
        self.topics: frozenset[str] = frozenset()
        self._on_assign: Callable[..., None] = lambda *_: None
        self._on_revoke = self._on_assign

    def subscribe(self, topics: list[str], on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        self.topics, self._on_assign, self._on_revoke = frozenset(topics), on_assign, on_revoke
        if self not in self._kafka.members:
            self._kafka.rejoin(self._kafka.members.append, self)

    def unsubscribe(self) -> None:
        self.topics = frozenset()
        self._rebalance()
        if self in self._kafka.members:
            self._kafka.rejoin(self._kafka.members.remove, self)
        self._generation = -1

    def close(self) -> None:
        self.unsubscribe()

    def consume(self, most: int, timeout: float) -> list[InMemoryMessage]:
        until = time.monotonic() + timeout
        self._rebalance()
        messages: list[InMemoryMessage] = []
        with self._kafka.changed:
            while True:
                fetched = self._fetch(most - len(messages))
                messages += fetched
                left = until - time.monotonic()
                if len(messages) >= most or left <= 0:
                    return messages
                if not fetched:
                    self._kafka.changed.wait(left)

    def consumer_group_metadata(self) -> bytes:
        member = b"member" if self._generation >= 0 else b""
        return b"CGMDv2:" + struct.pack("=i", self._generation) + b"group\0" + member + b"\0\0"

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        with self._kafka.changed:
            found = [self._kafka.committed.get((tp.topic, tp.partition), (OFFSET_INVALID, "")) for tp in partitions]
        return [
            TopicPartition(tp.topic, tp.partition, offset, metadata=text)
            for tp, (offset, text) in zip(partitions, found, strict=True)
        ]

    def get_watermark_offsets(self, tp: TopicPartition, timeout: float = 0, cached: bool = False) -> tuple[int, int]:
        return 0, len(self._kafka.logs[tp.topic, tp.partition])

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        places = [(tp.topic, tp.partition) for tp in partitions]
        return [TopicPartition(*p, self._next[p] if p in self._read else OFFSET_INVALID) for p in places]

    def seek(self, tp: TopicPartition) -> None:
        self._next[tp.topic, tp.partition] = tp.offset
        self._read.discard((tp.topic, tp.partition))

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._paused |= {(tp.topic, tp.partition) for tp in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self._paused -= {(tp.topic, tp.partition) for tp in partitions}

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        for tp in partitions:
            self.seek(tp)

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        for tp in partitions:
            self._next.pop((tp.topic, tp.partition))
            self._read.discard((tp.topic, tp.partition))

    @property
    def held(self) -> frozenset[Partition]:
        """What is assigned to it now."""
        return frozenset(self._next)

    def _fetch(self, most: int) -> list[InMemoryMessage]:
        """Some of each partition in turn, as fetches are."""
        messages: list[InMemoryMessage] = []
        for partition in sorted(self._next.keys() - self._paused):
            at = self._next[partition]
            records = self._kafka.logs[partition][at : at + min(500, most - len(messages))]
            if records:
                self._next[partition] = at + len(records)
                self._read.add(partition)
            messages += [InMemoryMessage((*partition, at + k), record) for k, record in enumerate(records)]
        return messages

    def _rebalance(self) -> None:
        """What is to go goes first; what others have not let go yet comes at a later turn."""
        if self not in self._kafka.members:
            return
        with self._kafka.changed:
            mine, self._generation = self._kafka.share(self), self._kafka.generation
            gone = self._next.keys() - mine
        if gone:
            self._on_revoke(self, [TopicPartition(*partition) for partition in sorted(gone)])
        with self._kafka.changed:
            held = {partition for member in self._kafka.members for partition in member.held}
        if mine - held:
            self._on_assign(self, [TopicPartition(*partition) for partition in sorted(mine - held)])


class InMemoryProducer:
    """A transactional one."""

    def __init__(self, kafka: InMemoryKafka, config: dict[str, Any]) -> None:
        self._kafka = kafka
        self._id = config["transactional.id"]
        self._records: list[tuple[Any, ...]] = []
        self._offsets: list[TopicPartition] = []
        self._epoch = -1

    def init_transactions(self, timeout: float) -> None:
        with self._kafka.changed:
            self._epoch = self._kafka.epochs[self._id] = self._kafka.epochs.get(self._id, 0) + 1

    def begin_transaction(self) -> None:
        self._records, self._offsets = [], []

    def produce(self, topic: str, value: Any, key: Any, partition: int, *rest: Any) -> None:
        self._records.append((topic, partition, value, key, rest[-1]))

    def send_offsets_to_transaction(self, offsets: list[TopicPartition], metadata: bytes, timeout: float) -> None:
        (generation,) = struct.unpack_from("=i", metadata, len(b"CGMDv2:"))
        if generation != self._kafka.generation:
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION, "of before", False, False, True))
        self._offsets = offsets

    def commit_transaction(self, timeout: float) -> None:
        with self._kafka.changed:
            if self._epoch != self._kafka.epochs[self._id]:
                raise KafkaException(KafkaError(KafkaError._FENCED, "another has the id", True))
            for topic, number, value, key, headers in self._records:
                self._kafka.append(topic, number, value, key, headers)
            self._kafka.committed |= {(tp.topic, tp.partition): (tp.offset, tp.metadata or "") for tp in self._offsets}

    def abort_transaction(self, timeout: float) -> None:
        self._records, self._offsets = [], []

    def poll(self, timeout: float) -> int:
        return 0

    def purge(self) -> None:
        self._records = []


class InMemoryAdmin:
    """Knows that topics are never made anew."""

    def describe_topics(self, topics: Any, request_timeout: float) -> dict[str, Future[Any]]:
        found: dict[str, Future[Any]] = {name: Future() for name in topics.topic_names}
        for name, future in found.items():
            future.set_result(SimpleNamespace(topic_id=f"id-of-{name}"))
        return found
