"""Where *collect* goes on in each partition, by the tables and by the ids of the topics.

A reader never jumps without a word: what was removed unread is counted and logged, and a topic that was deleted and
made anew is begun at its first offset. Each partition goes on as soon as brokers tell where, whatever the others do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidemill.errors import RetryLater
from tidemill.kafka.batch import Partition
from tidemill.kafka.partitions.astray import WAIT_S, Astray, not_there
from tidemill.kafka.partitions.growth import partition_counts
from tidemill.kafka.partitions.marks import Mark, Resumption, go_on
from tidemill.kafka.partitions.resuming import log_bounds, say
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill_trainer.collect.row_buffer import ModelRows

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

_log = logging.getLogger(__name__)

BEFORE = Mark("another")
"""Stands for a topic before the one that is there now: the table keeps a digest of its id alone."""


@dataclass(frozen=True, slots=True)
class Stood:
    """Up to where a partition was read, of the topic with which id (empty: not known). `read`: whether anything came of
    it since it was begun there.
    """

    at: int
    topic_id: str
    read: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Where to go on, of each partition that brokers tell it of; partitions that their topics have no more, `gone`; and
    the ids of all these topics now, empty where none is told.
    """

    starts: dict[Partition, Resumption] = field(default_factory=dict)
    gone: list[Partition] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def topics(self) -> set[str]:
        """Topics of which anything was found."""
        return {topic for topic, _ in (*self.starts, *self.gone)}


class Places:
    """Of every partition that is read: where it was begun, and whether it must be begun elsewhere. One thread."""

    def __init__(
        self,
        group: str,
        by_topic: Mapping[str, ModelRows],
        ids: TopicIds,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._group = group
        self._by_topic = by_topic
        self._topic_ids = ids
        self._stood: dict[Partition, Stood] = {}
        """Where those that are astray stood, but the ones that are new."""
        self._ids: dict[str, str] = {}
        self.begun: dict[Partition, int] = {}
        """Offset that was gone on at; negative: the first that there is."""
        self.astray = Astray(monotonic)
        """Partitions that do not hold what comes next, or are of another topic by now, and those that are new: nothing
        comes of them until `find` and `take`.
        """

    def missing(self, counts: Mapping[str, int]) -> list[Partition]:
        """Partitions that topics have, by these counts, and that are not read."""
        there = ((topic, number) for topic in self._by_topic for number in range(counts[topic]))
        return [partition for partition in there if partition not in self.begun and partition not in self.astray]

    def add(self, partitions: Iterable[Partition]) -> None:
        """Read these partitions, too, from where the tables have them; else from the first offset that there is."""
        self.astray.add(partitions)

    def begin(self, consumer: Consumer, counts: Mapping[str, int]) -> None:
        """Read the partitions that topics have by these counts. Raises RetryLater where none can be begun yet."""
        self.add(self.missing(counts))
        self.take(consumer, self.find(consumer))
        if self.astray and not self.begun:
            raise RetryLater("of no partition it is known yet where to begin")

    def note(self, consumer: Consumer, messages: Iterable[Message]) -> None:
        """Take in what the client says of offsets that are not there, and what has become known of topics' ids."""
        self._lose(consumer, not_there(messages) | self._of_others(self._topic_ids.look(self._by_topic)))

    def positions(self, consumer: Consumer, topics: Iterable[str]) -> dict[Partition, int]:
        """How far the partitions of these topics have been read, where anything has been."""
        from confluent_kafka import TopicPartition

        wanted = [TopicPartition(*p) for p in self.begun if p not in self.astray and p[0] in set(topics)]
        return {(tp.topic, tp.partition): tp.offset for tp in consumer.position(wanted) if tp.offset >= 0}

    def find(self, consumer: Consumer) -> Found:
        """Ask where to go on with what is astray. What is not told in a moment is asked for again later, after others;
        where a topic proves to be another one, all of it is astray from now on. Raises RetryLater without brokers.
        """
        found = Found()
        if not self.astray.due:
            return found
        with self.astray.asking():
            counts = partition_counts(consumer, {topic for topic, _ in self.astray})
            found.ids.update(self._topic_ids.of(counts))
        self._lose(consumer, self._of_others(found.ids))
        found.gone.extend(p for p in self.astray if self._told(p[0], found.ids) and p[1] >= counts[p[0]])
        self.astray.discard(found.gone)
        found.starts.update(self.astray.ask(lambda partition: self._resumption(consumer, partition, found.ids)))
        return found

    def take(self, consumer: Consumer, found: Found) -> None:
        """Go on there, and say so. Nothing of these topics' models may wait for its commit. Raises RetryLater where a
        table cannot be read; what is left is taken by another call then.
        """
        from confluent_kafka import TopicPartition

        for topic in found.topics:
            if found.ids[topic]:
                self._ids[topic] = self._by_topic[topic].ids[topic] = found.ids[topic]
        for partition in (*self.astray, *found.gone):
            if partition[0] in found.topics:  # an end of the old topic is none of the new one
                self._by_topic[partition[0]].forget(partition)
        for partition, resumption in found.starts.items():
            if partition in self.astray:
                self._begin(partition, resumption)
                consumer.incremental_assign([TopicPartition(*partition, resumption.start)])
        for partition in found.gone:
            self._stood.pop(partition, None)
            if self.begun.pop(partition, None) is not None:
                _log.warning("%s/%d is not read any more: the topic was made anew with fewer partitions", *partition)

    def _told(self, topic: str, ids: Mapping[str, str]) -> bool:
        """Whether it is known which topic that is, as far as these brokers ever tell: where they tell those of others,
        that of a topic that was created a moment ago comes later, and nothing of it is read before.
        """
        return topic in ids and (bool(ids[topic]) or not any((*ids.values(), *self._ids.values())))

    def _of_others(self, ids: Mapping[str, str]) -> set[Partition]:
        """Partitions that were begun in a topic of which another id, or none, was known."""
        others = {topic for topic, found in ids.items() if found and found != self._ids.get(topic, "")}
        return {partition for partition in self.begun if partition[0] in others}

    def _lose(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Read these no further. (The client has stopped to fetch some of them and takes no seek: they begin anew.)"""
        from confluent_kafka import TopicPartition

        lost = [
            partition for partition in sorted(partitions) if partition in self.begun and partition not in self.astray
        ]
        if not lost:
            return
        read = self.positions(consumer, {topic for topic, _ in lost})
        for partition in lost:
            at, topic_id = read.get(partition, max(self.begun[partition], 0)), self._ids.get(partition[0], "")
            self._stood[partition] = Stood(at, topic_id, partition in read)
        consumer.incremental_unassign([TopicPartition(*partition) for partition in lost])
        self.astray.add(lost)

    def _resumption(self, consumer: Consumer, partition: Partition, ids: Mapping[str, str]) -> Resumption:
        from confluent_kafka import OFFSET_BEGINNING

        if not self._told(partition[0], ids):
            raise RetryLater("its topic is not there, or its id is not told yet")
        topic_id = ids[partition[0]]
        table, stood = self._by_topic[partition[0]].table, self._stood.get(partition)
        if stood is not None and (stood.read or stood.topic_id or not topic_id):
            # A table that keeps no ids is not sure of which topic it is.
            sure = stood.read or table.keeps_id(partition)
            at, mark = stood.at, Mark(stood.topic_id if sure else "")
        else:
            before, now = table.end(partition), table.end(partition, topic_id)
            if now is not None or before is None:
                return Resumption(OFFSET_BEGINNING if now is None else now, Mark(topic_id))
            at, mark = before, BEFORE
        return go_on(at, mark, *log_bounds(consumer, partition, WAIT_S), topic_id)

    def _begin(self, partition: Partition, found: Resumption) -> None:
        model = self._by_topic[partition[0]]
        end = model.table.end(partition, model.ids.get(partition[0], ""))
        if end is not None and end > found.start:
            model.table.restart(partition, found.start)
        self.begun[partition] = found.start
        self.astray.discard([partition])
        self._stood.pop(partition, None)
        say(self._group, partition, found)
