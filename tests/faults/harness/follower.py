"""A reader of committed records that looks on while faults happen: what it was shown must be what stands at the end."""

from __future__ import annotations

import threading

from confluent_kafka import Consumer, TopicPartition

from tidemill.kafka.batch import Batch
from tidemill.kafka.client.clients import consumer_config
from tidemill.kafka.client.scan import scan
from tidemill.settings import KafkaSettings
from tidemill_operations.audit.bits import OffsetBits
from tidemill_operations.audit.ledger import by_partition
from tidemill_operations.audit.origins import positions


class Follower:
    """Follows topics from their beginning in a thread; remembers the position of every record, and gaps in time."""

    def __init__(self, settings: KafkaSettings, topics: list[str], partitions: int) -> None:
        self._settings, self._topics, self._partitions = settings, topics, partitions
        self.seen = {topic: OffsetBits() for topic in topics}
        self.again = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        consumer = Consumer(consumer_config(self._settings, f"{self._settings.prefix}follower"))
        consumer.assign([TopicPartition(t, n, 0) for t in self._topics for n in range(self._partitions)])
        while not self._stop.is_set():
            messages = consumer.consume(5_000, 0.2)
            for batch in Batch.from_messages([m for m in messages if m.error() is None]):
                self._note(batch)
        consumer.close()

    def _note(self, batch: Batch) -> None:
        for partition, offsets in by_partition(*positions(batch)):
            self.again += len(self.seen[batch.topic].add(partition, offsets))

    def agrees(self) -> bool:
        """Whether it has seen exactly the records that a reader who comes afterwards sees."""
        for topic in self._topics:
            stands = OffsetBits()
            for batch in scan(self._settings, topic):
                for partition, offsets in by_partition(*positions(batch)):
                    stands.add(partition, offsets)
            if stands != self.seen[topic]:
                return False
        return self.again == 0

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)
