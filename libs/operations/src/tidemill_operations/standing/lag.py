"""How far consumer groups are behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemill.errors import RetryLater
from tidemill.settings import KafkaSettings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, TopicPartition
    from confluent_kafka.admin import AdminClient

    from tidemill.kafka.partitions.marks import Mark

TIMEOUT_S = 10.0
LEADER_POLL_S = 0.1
WITHOUT_LEADER = ("NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "UNKNOWN_TOPIC_OR_PART")
WITHOUT_COORDINATOR = (
    "NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "_WAIT_COORD", "_TIMED_OUT",
    "_TRANSPORT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition of a group: `committed` None where the group has committed nothing there."""

    topic: str
    partition: int
    committed: int | None
    end: int

    @property
    def records(self) -> int:
        """Records (transaction markers included) that the group has yet to pass."""
        return self.end - (self.committed or 0)


class Offsets:
    """Ends of partitions and committed offsets of groups. Not safe to share between threads."""

    def __init__(
        self,
        settings: KafkaSettings,
        make_admin: Callable[[KafkaSettings], AdminClient] | None = None,
        make_reader: Callable[[str], Consumer] | None = None,
    ) -> None:
        """`make_admin` gives the client that asks the brokers, `make_reader` a consumer of a group (that joins
        nothing); by default Tidemill's own.
        """
        from tidemill.kafka.client.clients import admin

        self._settings = settings
        self._admin = (make_admin or admin)(settings)
        self._make_reader = make_reader or self._reader
        self._readers: dict[str, Consumer] = {}

    def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        """Partition count of each topic that exists."""
        from tidemill.kafka.client.topics import partition_counts

        return partition_counts(self._admin, topics)

    def ends(
        self, topics: Sequence[str], *, earliest: bool = False, committed: bool = False
    ) -> dict[tuple[str, int], int]:
        """The log end (or its beginning, or the end of what is `committed`) of every partition of those topics that
        exist.
        """
        from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

        spec = OffsetSpec.earliest() if earliest else OffsetSpec.latest()  # type: ignore[no-untyped-call]
        left = [(topic, number) for topic, count in self.partitions(topics).items() for number in range(count)]
        found: dict[tuple[str, int], int] = {}
        deadline = time.monotonic() + TIMEOUT_S
        while left:
            known, left = self._listed(left, spec, committed, last=time.monotonic() > deadline)
            found |= known
            if left:
                time.sleep(LEADER_POLL_S)
        return found

    def _listed(
        self, places: Sequence[tuple[str, int]], spec: Any, committed: bool, last: bool
    ) -> tuple[dict[tuple[str, int], int], list[tuple[str, int]]]:
        """The offsets of those partitions that answer, and those without a leader this moment, as a new topic's may be.
        Raises RetryLater for these where this was the `last` try.
        """
        from confluent_kafka import IsolationLevel, KafkaException, TopicPartition

        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        wanted = {TopicPartition(*place): spec for place in places}
        found, left = {}, []
        for part, future in self._admin.list_offsets(wanted, isolation_level=level, request_timeout=TIMEOUT_S).items():
            try:
                found[part.topic, part.partition] = future.result().offset
            except KafkaException as error:
                if error.args[0].name() not in WITHOUT_LEADER:
                    raise
                if last:
                    raise RetryLater(f"{part.topic}/{part.partition} has no leader: is a broker down?") from error
                left.append((part.topic, part.partition))
        return found, left

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """What a group has committed, whatever the topic."""
        return {at: offset for at, (offset, _) in self.committed_texts(group).items()}

    def places(self, group: str) -> dict[tuple[str, int], tuple[int, Mark]]:
        """What a group has committed, and what its members say there of the topics that it belongs to: one answer."""
        from tidemill.kafka.partitions.marks import Mark

        return {at: (offset, Mark.parse(text)) for at, (offset, text) in self.committed_texts(group).items()}

    def removed(self, group: str) -> dict[str, int]:
        """By topic: offsets that were removed before the group had read them, as its members have committed it."""
        counts: dict[str, int] = {}
        for (topic, _), (_, mark) in self.places(group).items():
            if mark.removed:
                counts[topic] = counts.get(topic, 0) + mark.removed
        return counts

    def known(self, topic: str) -> Mapping[str, Mark]:
        """By topic that validators read, what they keep of it on this one (role `source_topics`)."""
        from tidemill.kafka.partitions.known_topics import read_known

        return read_known(self._settings, topic)

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Id by topic, empty where there is none (now). Raises RetryLater without brokers."""
        from tidemill.kafka.partitions.topic_ids import TopicIds

        return TopicIds(lambda: self._admin).of(topics)

    def going(self, group: str) -> dict[str, int]:
        """By topic: offsets that have been removed, which the group has yet to find out."""
        committed = self.committed(group)
        firsts = self.ends(sorted({topic for topic, _ in committed}), earliest=True)
        counts: dict[str, int] = {}
        for at, offset in committed.items():
            if firsts.get(at, 0) > offset:
                counts[at[0]] = counts.get(at[0], 0) + firsts[at] - offset
        return counts

    def metadata(self, group: str) -> dict[tuple[str, int], str]:
        """What a group has committed beside its offsets, whatever the topic."""
        return {at: text for at, (_, text) in self.committed_texts(group).items()}

    def committed_texts(self, group: str) -> dict[tuple[str, int], tuple[int, str]]:
        """What a group has committed, and the text beside it, on whatever topic there is that we may see. Raises
        RetryLater where no broker coordinates the group.

        Asked by a consumer that joins nothing: an admin client that lists a group's offsets ends its process where it
        learns meanwhile that another broker coordinates the group (librdkafka's issue 5040).
        """
        from confluent_kafka import KafkaException

        self._check_allowed(group)
        places = self._places()
        try:
            if group not in self._readers:
                self._readers[group] = self._make_reader(group)
            found = self._readers[group].committed(places, timeout=TIMEOUT_S)
        except KafkaException as error:
            self._readers.pop(group).close()  # it may know no broker any more
            if error.args[0].name() in WITHOUT_COORDINATOR:
                raise RetryLater(f"no broker coordinates the group {group}: is one down?") from error
            raise
        for part in found:
            if part.error is not None:
                raise KafkaException(part.error)
        return {(part.topic, part.partition): (part.offset, part.metadata or "") for part in found if part.offset >= 0}

    def _places(self) -> list[TopicPartition]:
        """Every partition that we may see, but of Kafka's own topics."""
        from confluent_kafka import TopicPartition

        there = self._admin.list_topics(timeout=TIMEOUT_S).topics
        names = [name for name, topic in there.items() if topic.error is None and not name.startswith("__")]
        return [TopicPartition(name, number) for name in names for number in there[name].partitions]

    def _check_allowed(self, group: str) -> None:
        """Raise KafkaException where the brokers refuse the group to us: a consumer would only wait in vain."""
        from confluent_kafka import KafkaException

        error = self._admin.describe_consumer_groups([group], request_timeout=TIMEOUT_S)[group].exception()
        if isinstance(error, KafkaException) and error.args[0].name() == "GROUP_AUTHORIZATION_FAILED":
            raise error

    def _reader(self, group: str) -> Consumer:
        from confluent_kafka import Consumer

        from tidemill.kafka.client.clients import consumer_config

        return Consumer(consumer_config(self._settings, group))

    def lag(self, group: str, topics: Sequence[str]) -> list[PartitionLag]:
        """The group's lag on every partition of `topics`."""
        committed = self.committed(group)
        return [
            PartitionLag(topic, partition, committed.get((topic, partition)), end)
            for (topic, partition), end in sorted(self.ends(topics).items())
        ]

    def groups(self, prefix: str) -> list[str]:
        """The consumer groups whose name starts with `prefix`."""
        listed = self._admin.list_consumer_groups(request_timeout=TIMEOUT_S).result()
        return sorted(group.group_id for group in listed.valid if group.group_id.startswith(prefix))
