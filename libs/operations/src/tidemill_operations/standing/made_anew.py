"""Topics that were deleted and made anew while a group read them, by what it has committed and by the ids of now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemill.kafka.batch import Partition
    from tidemill.kafka.partitions.marks import Mark
    from tidemill_operations.standing.lag import Offsets

NOTHING: Mapping[str, Mark] = {}


@dataclass(frozen=True, slots=True)
class MadeAnew:
    """What a group's results name beside their offsets, and what the group has yet to find out."""

    ids: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """By topic and partition: the id of a topic that was made anew; what is made of its records names it."""
    times: Mapping[str, int] = field(default_factory=dict)
    """By topic: how often the group has found it made anew."""
    unseen: frozenset[Partition] = frozenset()
    """Where the topic is another one than the one that is committed for: nothing of it has been read for certain."""
    done: Mapping[Partition, int] = field(default_factory=dict)
    """What is committed of the topics that are there now."""

    @classmethod
    def of(
        cls,
        offsets: Offsets,
        places: Mapping[Partition, tuple[int, Mark]],
        topics: Iterable[str] | None = None,
        known: Mapping[str, Mark] = NOTHING,
    ) -> MadeAnew:
        """Of what a group has committed (`Offsets.places`); `topics`: of these alone, and of those of which nothing is
        committed (Kafka deletes it with the topic) by what is `known`, kept elsewhere. Raises RetryLater without
        brokers.
        """
        wanted = None if topics is None else set(topics)
        marks = {at: mark for at, (_, mark) in places.items() if wanted is None or at[0] in wanted}
        now = offsets.topic_ids({topic for topic, _ in marks})
        ids: dict[str, dict[int, str]] = {}
        times: dict[str, int] = {}
        unseen = {at for at, mark in marks.items() if mark.anew(now[at[0]])}
        for (topic, number), mark in marks.items():
            if (topic, number) in unseen or mark.renewed:
                ids.setdefault(topic, {})[number] = now[topic] or mark.topic_id
            if mark.renewed:
                times[topic] = max(times.get(topic, 0), mark.renewed)
        read = {topic for topic, _ in marks}
        for topic, topic_id in _renewed(offsets, known, (wanted or set()) - read).items():
            ids[topic] = dict.fromkeys(range(offsets.partitions([topic]).get(topic, 0)), topic_id)
        done = {at: places[at][0] for at in marks if at not in unseen}
        return cls(ids, times, frozenset(unseen), done)


def unbegun(offsets: Offsets, known: Mapping[str, Mark]) -> list[str]:
    """Topics that are others now than the ones that are known: nobody has begun them."""
    now = offsets.topic_ids(known)
    return sorted(topic for topic, mark in known.items() if mark.anew(now[topic]))


def _renewed(offsets: Offsets, known: Mapping[str, Mark], topics: Iterable[str]) -> dict[str, str]:
    """Of these topics those that were made anew, with their ids of now."""
    asked = {topic: known[topic] for topic in topics if topic in known}
    now = offsets.topic_ids(asked)
    return {topic: now[topic] for topic, mark in asked.items() if mark.renewed or mark.anew(now[topic])}
