"""The partitions that one member holds, where each stands, and the rebalance callbacks that change them.

Callbacks run inside `consume()`, on the loop's own thread. They first have everything settled that is on its way
(`before_change`), so a revoked partition needs no more than to be forgotten.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, Message, TopicPartition

from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch, Partition
from tidemill.kafka.client.hearing import Hearing
from tidemill.kafka.client.refusals import explain
from tidemill.kafka.partitions.astray import Astray, not_there, resumption
from tidemill.kafka.partitions.known_topics import Identities
from tidemill.kafka.partitions.marks import Attempt, Mark, Resumption, go_on
from tidemill.kafka.partitions.resuming import log_bounds, say, say_unread
from tidemill.kafka.poison.attempts import Attempts
from tidemill.kafka.runtime.backoff import Backoff
from tidemill.kafka.runtime.loop_status import Trouble
from tidemill.kafka.worker import Worker

__all__ = ["Assignment"]

_log = logging.getLogger(__name__)
_REQUEST_TIMEOUT_S = 5.0


class Assignment:
    """What is held now: per partition the committed offset, or the start where nothing is committed yet."""

    def __init__(
        self,
        stop: threading.Event,
        trouble: Trouble,
        worker: Worker,
        *,
        before_change: Callable[[], None] = lambda: None,
        identities: Identities | None = None,
        hearing: Hearing | None = None,
    ) -> None:
        """`worker` is asked for start offsets and told what is revoked. `identities` tell whether a topic was made
        anew; None where nobody asks. `hearing`: the consumer's; a wait for start offsets ends with FatalError where
        brokers answer others and not it.
        """
        self._stop = stop
        self._trouble = trouble
        self._worker = worker
        self._before_change = before_change
        self._topics = identities or Identities()
        self._hearing = hearing
        self.attempts = Attempts()
        """What was begun in the partitions held, and not ended."""
        self._stands: dict[Partition, int] = {}
        self._marks: dict[Partition, Mark] = {}
        self.astray = Astray()
        """Partitions that do not hold the offset that we are at: `find` says where to go on."""
        self._unstored: set[Partition] = set()
        self.fresh: list[Partition] = []

    def __contains__(self, partition: object) -> bool:
        return partition in self._stands

    @property
    def partitions(self) -> frozenset[Partition]:
        """All partitions held now."""
        return frozenset(self._stands)

    @property
    def stands(self) -> Mapping[Partition, int]:
        """Of each partition held, the committed offset, or the start where nothing is committed yet."""
        return self._stands

    def batches(self, messages: Iterable[Message]) -> list[Batch]:
        """One batch per topic, with the ids of those that were made anew while this group read them."""
        batches = Batch.from_messages(messages)
        renewed = [(partition, mark.topic_id) for partition, mark in self._marks.items() if mark.renewed]
        if not renewed:
            return batches
        anew = {batch.topic: {n: found for (topic, n), found in renewed if topic == batch.topic} for batch in batches}
        return [replace(batch, anew=anew[batch.topic]) for batch in batches]

    def assign(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        """Callback: partitions come in. Finds where each begins, which may take until the brokers answer."""
        self._before_change()
        started = self._starts(consumer, [(tp.topic, tp.partition) for tp in assigned])
        consumer.incremental_assign([TopicPartition(topic, number, at) for (topic, number), at in started.items()])
        consumer.resume([TopicPartition(*partition) for partition in started])  # a pause outlives revocation
        self._stands |= started
        self.fresh += started
        if started:
            _log.info("assigned %s", describe(started))

    def revoke(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        """Callback: partitions go to another member, in good order."""
        self._forget(revoked)
        consumer.incremental_unassign(revoked)

    def lose(self, consumer: Consumer, lost: list[TopicPartition]) -> None:
        """Callback: partitions are gone already; another member may be at work on them."""
        _log.warning("lost %s: thrown out of the group", describe((tp.topic, tp.partition) for tp in lost))
        self._forget(lost)
        consumer.incremental_unassign(lost)

    def moved(self, consumer: Consumer, held: Collection[str] = ()) -> list[TopicPartition]:
        """Positions that are ahead of what is committed, but of topics that are held; to be committed with whatever
        was made of the records.

        Positions count transaction markers, as last offset + 1 does not: a group that is idle has a lag of
        exactly 0.
        """
        ahead = []
        for tp in consumer.position([TopicPartition(*partition) for partition in self._stands]):
            partition = (tp.topic, tp.partition)
            stands = self._stands[partition]
            if tp.topic in held or partition in self.astray:
                continue
            if tp.offset > stands:
                ahead.append(self._marked(partition, tp.offset))
            elif partition in self._unstored:
                ahead.append(self._marked(partition, stands))
        return ahead

    def committed(self, offsets: Iterable[TopicPartition]) -> None:
        """These offsets are committed."""
        for tp in offsets:
            partition = (tp.topic, tp.partition)
            if partition in self._stands:
                if tp.offset > self._stands[partition]:
                    self.attempts.ended(partition, tp.offset)
                self._stands[partition] = tp.offset
                self._unstored.discard(partition)

    def begun(self, attempts: Mapping[Partition, Attempt | None]) -> list[TopicPartition]:
        """Where these partitions stand, to be committed once more with what is begun there; None: nothing is."""
        return [
            TopicPartition(*p, self._stands[p], metadata=replace(self._marks.get(p, Mark()), attempt=attempt).text())
            for p, attempt in attempts.items()
        ]

    def mine(self, messages: Iterable[Message], held: Collection[str]) -> list[Message]:
        """Those that are records of partitions held now, but astray or of topics that are held back."""
        ours = self._stands.keys() - set(self.astray) if self.astray else self._stands
        return [
            m
            for m in messages
            if m.error() is None and (m.topic(), m.partition()) in ours and not (held and m.topic() in held)
        ]

    def note(self, messages: Iterable[Message]) -> None:
        """Take in what the client says of offsets that are not there."""
        self.astray.add(not_there(messages) & self._stands.keys())

    def look(self) -> None:
        """Now and then: is a topic that is read another one of the same name by now?"""
        if self._topics.ids is None:
            return
        for topic, found in self._topics.ids.look({topic for topic, _ in self._stands}).items():
            self.astray.add(p for p, mark in self._marks.items() if p[0] == topic and mark.anew(found))

    def find(self, consumer: Consumer) -> None:
        """Go on, where the log does not hold what comes next any more, and say so; what brokers do not tell of now
        stays astray. Nothing may be on its way. Raises RetryLater without brokers, and nothing is changed then.
        """
        with self.astray.asking():
            ids = self._topics.of({topic for topic, _ in self.astray})
        found = self.astray.ask(
            lambda p: resumption(consumer, p, self._stands[p], self._marks.get(p, Mark()), ids[p[0]])
        )
        self._settle(ids, self._marks | {partition: one.mark for partition, one in found.items()}, {})
        for partition, one in found.items():
            self._take(partition, one)
            # The client has stopped to fetch it and takes no seek: it begins anew.
            consumer.incremental_unassign([TopicPartition(*partition)])
            consumer.incremental_assign([TopicPartition(*partition, one.start)])
        self.astray.discard(found)
        for partition in self.astray:
            self.attempts.forget(partition)  # else the others waited for it, to be read in steps

    def _settle(self, ids: Mapping[str, str], marks: Mapping[Partition, Mark], fresh: Mapping[Partition, int]) -> None:
        """Keep the ids of what is read where they outlive it. `fresh`: partitions that nothing committed tells of,
        with their starts; were their topics made anew while nobody read them, that is said now.
        """
        if self._topics.known is None:
            return
        settled = self._topics.known.settle(ids, marks, fresh)
        self._marks |= settled.marks
        self._unstored.update(settled.marks)
        for partition in sorted(partition for partition in fresh if partition[0] in settled.anew):
            say_unread(self._topics.group, partition, fresh[partition], self._marks[partition])

    def _take(self, partition: Partition, found: Resumption) -> None:
        self._stands[partition], self._marks[partition] = found.start, found.mark
        self._unstored.add(partition)
        self.attempts.forget(partition)
        say(self._topics.group, partition, found)

    def _marked(self, partition: Partition, offset: int) -> TopicPartition:
        mark = self._marks.get(partition)
        return TopicPartition(*partition, offset, metadata=None if mark is None else mark.text())

    def reload(self, consumer: Consumer) -> None:
        """Ask the brokers what is committed, where it is in doubt; raises RetryLater without an answer."""
        if not self._stands:  # a group that may not be used would only time out, without saying why
            return
        for partition, (offset, mark) in _committed(consumer, list(self._stands)).items():
            if offset >= 0:
                if mark.anew(self._marks.get(partition, Mark()).topic_id):
                    self.astray.add([partition])  # the topic is another one by now, and nothing of it is committed
                elif offset > self._stands[partition]:  # what was in doubt is committed
                    self.attempts.ended(partition, offset)
                self._stands[partition] = offset
                known = self._marks.get(partition, Mark())
                self._marks[partition] = replace(mark, topic_id=mark.topic_id or known.topic_id, attempt=None)
                self._unstored.discard(partition)

    def rewind(self, consumer: Consumer) -> None:
        """Read again from what is committed; raises RetryLater if a partition cannot be moved just now."""
        for tp in consumer.position([TopicPartition(*p) for p in self._stands if p not in self.astray]):
            stands = self._stands[tp.topic, tp.partition]
            if tp.offset in (stands, OFFSET_INVALID):
                continue
            try:
                consumer.seek(TopicPartition(tp.topic, tp.partition, stands))
            except KafkaException as error:
                raise RetryLater(f"{tp.topic}/{tp.partition}: cannot seek: {error.args[0].str()}") from error

    def _forget(self, gone: list[TopicPartition]) -> None:
        self._before_change()
        partitions = [(tp.topic, tp.partition) for tp in gone]
        for partition in partitions:
            self._stands.pop(partition, None)
            self._marks.pop(partition, None)
            self._unstored.discard(partition)
            self.attempts.forget(partition)
        self.astray.discard(partitions)
        self.fresh = [partition for partition in self.fresh if partition in self._stands]
        if partitions:
            self._worker.revoked(partitions)

    def _starts(self, consumer: Consumer, partitions: list[Partition]) -> dict[Partition, int]:
        backoff = Backoff()
        while partitions and not self._stop.is_set():
            try:
                return self._try_starts(consumer, partitions)
            except RetryLater as error:
                self._trouble.enter("waiting for start offsets", str(error))
                self._stop.wait(backoff.next_s())
                if self._hearing is not None:
                    self._hearing.check(consumer)
        return {}

    def _try_starts(self, consumer: Consumer, partitions: list[Partition]) -> dict[Partition, int]:
        ids = self._topics.of({topic for topic, _ in partitions})
        committed = _committed(consumer, partitions)
        marks = {p: replace(m, topic_id=ids[p[0]] or m.topic_id, attempt=None) for p, (_, m) in committed.items()}
        starts = {partition: offset for partition, (offset, _) in committed.items()}
        new = [partition for partition, offset in starts.items() if offset < 0]
        if new:
            starts |= {partition: log_bounds(consumer, partition)[0] for partition in new}
            wanted = self._worker.start_offsets(new)
            starts |= {p: max(starts[p], wanted[p]) for p in new if p in wanted}
            self._unstored.update(new)
        known = {p: (at, mark) for p, (at, mark) in committed.items() if at >= 0}
        moved = {
            p: go_on(at, mark, *log_bounds(consumer, p), ids[p[0]])
            for p, (at, mark) in known.items()
            if mark.anew(ids[p[0]])
        }
        self._marks |= marks | {partition: found.mark for partition, found in moved.items()}
        self._settle(ids, self._marks, {p: starts[p] for p in partitions if p not in known or not known[p][1].topic_id})
        for partition, found in moved.items():
            self._take(partition, found)
        for partition, (_, mark) in known.items():
            if partition not in moved and mark.attempt is not None:
                self.attempts.found(partition, mark.attempt)
        return starts | {partition: found.start for partition, found in moved.items()}


def describe(partitions: Iterable[Partition]) -> str:
    """Partitions in words, for the log."""
    return ", ".join(f"{topic}/{number}" for topic, number in sorted(partitions)) or "nothing"


def _committed(consumer: Consumer, partitions: list[Partition]) -> dict[Partition, tuple[int, Mark]]:
    try:
        found = consumer.committed([TopicPartition(*p) for p in partitions], timeout=_REQUEST_TIMEOUT_S)
    except KafkaException as error:
        raise RetryLater(f"committed offsets: {explain(error.args[0])}") from error
    for tp in found:
        if tp.error is not None:
            raise RetryLater(f"committed offset of {tp.topic}/{tp.partition}: {explain(tp.error)}")
    return {(tp.topic, tp.partition): (tp.offset, Mark.parse(tp.metadata)) for tp in found}
