"""The ids of topics, kept where they outlive the topics.

Kafka deletes what groups have committed of a topic with the topic. Where no member ran at that time, nothing of the
group's own tells a topic that was made anew from the one before it; so it is kept on a compacted topic of the
platform, too: the key is a topic's name, the value the `Mark` of it that is there now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from tidemill.errors import ConfigError
from tidemill.kafka.batch import Output, Partition
from tidemill.kafka.client.broadcast import BroadcastReader
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.partitions.marks import Mark
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill.settings import KafkaSettings

__all__ = ["Identities", "KnownTopics", "Settled", "read_known"]

CATCH_UP_S = 10.0


@dataclass(frozen=True, slots=True)
class Settled:
    """`marks`: those that are others than they were. `anew`: topics that were made anew since they were kept."""

    marks: Mapping[Partition, Mark] = field(default_factory=dict)
    anew: frozenset[str] = frozenset()


class KnownTopics:
    """What is kept of topics, for those who read them. Not thread-safe.

    Members that find out at once that a topic was made anew keep the same of it, so that it does not matter who does.
    """

    def __init__(self, settings: KafkaSettings, topic: str, name: str = "known-topics") -> None:
        """`topic`: the compacted one. Connects when it is first asked."""
        self._topic = topic
        self._reader = BroadcastReader(settings, topic, name=name)
        self._publisher = Publisher(settings, name=name)
        self._known: dict[str, Mark] = {}

    def read(self) -> Mapping[str, Mark]:
        """What is kept now, by topic. Raises RetryLater without brokers, ConfigError without the compacted topic."""
        for batch in self._reader.catch_up(CATCH_UP_S):
            for key, value in zip(batch.keys, batch.values, strict=True):
                if key is not None and value is not None:
                    self._known[key.decode(errors="replace")] = Mark.parse(value.decode(errors="replace"))
        return self._known

    def settle(self, ids: Mapping[str, str], marks: Mapping[Partition, Mark], fresh: Collection[Partition]) -> Settled:
        """Keep the topics of these ids, each with how often it was made anew, and tell what that changes.

        `marks`: of the partitions that are read, as they are now. `fresh`: partitions of which the group has
        nothing committed that says of which topic it is; their marks are those of the topic. Raises as `read`.
        """
        known, changed, anew = self.read(), dict[Partition, Mark](), set[str]()
        now: dict[str, Mark] = {}
        for topic, topic_id in ids.items():
            if not topic_id:
                continue
            before = known.get(topic)
            if before is not None and before.anew(topic_id):
                anew.add(topic)
            least = 0 if before is None else before.renewed + (topic in anew)
            renewed = max([least, *(mark.renewed for at, mark in marks.items() if at[0] == topic)])
            own = {at: marks[at] for at in fresh if at[0] == topic}
            changed |= {at: replace(mark, renewed=renewed) for at, mark in own.items() if mark.renewed < renewed}
            now[topic] = Mark(topic_id, renewed=renewed)
        self._keep({topic: mark for topic, mark in now.items() if known.get(topic) != mark})
        return Settled(changed, frozenset(anew))

    def close(self) -> None:
        """Release the clients."""
        self._reader.close()
        self._publisher.close()

    def _keep(self, marks: Mapping[str, Mark]) -> None:
        """All of them or, as far as this process knows, none: who tries again finds out again what is to be said."""
        if marks:
            values, keys = [mark.text().encode() for mark in marks.values()], [topic.encode() for topic in marks]
            self._publisher.publish_all([Output(self._topic, values, keys)])
            self._known |= marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """What tells a group a topic from another one of the same name. `ids`: None where nobody asks. `known` keeps them
    where they outlive topics. `group` is for the log.
    """

    ids: TopicIds | None = None
    known: KnownTopics | None = None
    group: str = ""

    def of(self, topics: Collection[str]) -> dict[str, str]:
        """Id by topic, empty where there is none (now), or nobody asks. Raises RetryLater without brokers."""
        return self.ids.of(topics) if self.ids is not None else dict.fromkeys(topics, "")


def read_known(settings: KafkaSettings, topic: str) -> Mapping[str, Mark]:
    """What is kept now, for one who only looks; nothing where the compacted topic is not there yet."""
    known = KnownTopics(settings, topic)
    try:
        return known.read()
    except ConfigError:
        return {}
    finally:
        known.close()
