"""Where *collect* goes on in each partition, by the tables and by the ids of the topics.

A reader never jumps without a word: what was removed unread is counted and logged, and a topic that was deleted and
made anew is begun at its first offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tidemill.kafka.partitions.marks import Mark, Resumption, go_on
from tidemill.kafka.partitions.resuming import log_bounds, say
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill_trainer.collect.row_buffer import ModelRows

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

Partition = tuple[str, int]
"""(topic, partition number)."""

BEFORE = Mark("another")
"""Stands for a topic before the one that is there now: the table keeps a digest of its id alone."""


class Places:
    """Of every partition that is read: where it was begun, and whether it must be begun elsewhere. One thread."""

    def __init__(self, group: str, by_topic: Mapping[str, ModelRows], partitions: Mapping[str, int], ids: TopicIds):
        self._group = group
        self._by_topic = by_topic
        self._partitions = [(topic, number) for topic in by_topic for number in range(partitions[topic])]
        self._topic_ids = ids
        self._ids: dict[str, str] = {}
        self.begun: dict[Partition, int] = {}
        """Offset that was gone on at; negative: the first that there is."""
        self.astray: set[Partition] = set()
        """Partitions that do not hold what comes next, or are of another topic by now."""

    def begin(self, consumer: Consumer) -> dict[Partition, int]:
        """Where to begin all partitions. Raises RetryLater without brokers."""
        from confluent_kafka import OFFSET_BEGINNING

        self._ids = self._topic_ids.of(self._by_topic)
        for model in self._models():
            model.ids = {topic: self._ids[topic] for topic in model.topics if self._ids[topic]}
            before, now = model.table.ends(), model.table.ends(model.ids)
            for partition in (p for p in self._partitions if p[0] in model.topics):
                self.begun[partition] = now.get(partition, OFFSET_BEGINNING)
                if partition in before and partition not in now:
                    found = self._found(consumer, partition, before[partition], BEFORE, self._ids[partition[0]])
                    self._take(model, partition, found)
        return dict(self.begun)

    def add(self, partitions: Iterable[Partition]) -> None:
        """Partitions that topics have got since: read from the first offset that there is."""
        from confluent_kafka import OFFSET_BEGINNING

        for partition in partitions:
            self._partitions.append(partition)
            self.begun[partition] = OFFSET_BEGINNING

    def note(self, messages: Iterable[Message]) -> None:
        """Take in what the client says of offsets that are not there, and what has become known of topics' ids."""
        from confluent_kafka import KafkaError

        for message in messages:
            error = message.error()
            if error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET:
                self.astray.add((str(message.topic()), int(message.partition() or 0)))
        for topic, found in self._topic_ids.look(self._by_topic).items():
            if Mark(self._ids[topic]).anew(found):
                self.astray.update(p for p in self._partitions if p[0] == topic)

    def positions(self, consumer: Consumer, topics: Iterable[str]) -> dict[Partition, int]:
        """How far the partitions of these topics have been read, where anything has been."""
        from confluent_kafka import TopicPartition

        wanted = [TopicPartition(*p) for p in self._partitions if p[0] in set(topics)]
        return {(tp.topic, tp.partition): tp.offset for tp in consumer.position(wanted) if tp.offset >= 0}

    def find(self, consumer: Consumer) -> None:
        """Go on with what is astray, and say so. Nothing of it may wait for its commit. Raises RetryLater without
        brokers.
        """
        from confluent_kafka import TopicPartition

        ids = self._topic_ids.of({topic for topic, _ in self.astray})
        read = self.positions(consumer, ids)
        found = {p: self._found(consumer, p, *self._stood(p, read), ids[p[0]]) for p in sorted(self.astray)}
        for topic, topic_id in ids.items():
            if topic_id:
                self._ids[topic] = self._by_topic[topic].ids[topic] = topic_id
        for partition, resumption in found.items():
            self._take(self._by_topic[partition[0]], partition, resumption)
            # The client has stopped to fetch it and takes no seek: it begins anew.
            consumer.incremental_unassign([TopicPartition(*partition)])
            consumer.incremental_assign([TopicPartition(*partition, resumption.start)])
        self.astray.clear()

    def _stood(self, partition: Partition, read: Mapping[Partition, int]) -> tuple[int, Mark]:
        """Up to where a partition has been read, and of which topic that was: none where a table that keeps no ids
        says so.
        """
        sure = partition in read or self._by_topic[partition[0]].table.keeps_id(partition)
        return read.get(partition, max(self.begun[partition], 0)), Mark(self._ids[partition[0]] if sure else "")

    def _found(self, consumer: Consumer, partition: Partition, at: int, mark: Mark, topic_id: str) -> Resumption:
        return go_on(at, mark, *log_bounds(consumer, partition), topic_id)

    def _take(self, model: ModelRows, partition: Partition, found: Resumption) -> None:
        self.begun[partition] = found.start
        model.forget(partition)
        if model.table.ends(model.ids).get(partition, -1) > found.start:
            model.table.restart(partition, found.start)
        say(self._group, partition, found)

    def _models(self) -> list[ModelRows]:
        return list({id(model): model for model in self._by_topic.values()}.values())
