"""Places of consumer groups: what tells each reader of a topic that it is another one than it was.

A group that has read a topic of the same name, with another id, begins the new one at its first record, and names the
topic's id in what it makes of it. What was dealt with of requests, runs and commands is not dealt with again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tidemill_operations.backup.document import TopicFacts
from tidemill_operations.backup.records import Place, Record
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill.kafka.batch import Partition
    from tidemill_operations.platform import PlatformView

UNTOLD = "before-the-restore"
"""Stands for the id of a topic that brokers did not tell: it is another one than any."""


def places_now(
    places: Iterable[Place],
    before: Mapping[str, TopicFacts],
    now: Mapping[str, TopicFacts],
    restored: Mapping[str, tuple[list[Record], list[Record]]],
) -> list[Place]:
    """What the groups are to have committed. Pure.

    `before`, `now`: topics as they were and are. `restored`: by topic, its records as they were in the backup and as
    they stand now, one for one. Nothing is said of partitions that are not there, and of topics that are others now and
    whose ids brokers do not tell.
    """
    found = []
    for place in places:
        topic = now.get(place.topic)
        if topic is None or place.partition >= topic.partitions:
            continue
        same = bool(topic.id) and topic.id == (before[place.topic].id if place.topic in before else "")
        if same:
            found.append(place)
        elif place.topic in restored and not same:
            found.append(_carried_over(place, topic.id, *restored[place.topic]))
        elif topic.id:
            found.append(_of_another(place))
    return found


def commit(platform: PlatformView, places: Iterable[Place]) -> int:
    """Commit them where the group has nothing committed; gives how many. Raises NotPossible where a group has members
    or places of its own that differ.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    from tidemill.kafka.client.clients import consumer_config
    from tidemill_operations.standing.lag import Offsets

    done, offsets = 0, Offsets(platform.settings)
    for group, wanted in by_group(places).items():
        there = offsets.committed_texts(group)
        missing = {at: said for at, said in wanted.items() if at not in there}
        if not missing:
            continue
        consumer = Consumer(consumer_config(platform.settings, group))
        try:
            parts = [TopicPartition(*at, offset, metadata=text) for at, (offset, text) in sorted(missing.items())]
            consumer.commit(offsets=parts, asynchronous=False)
        except KafkaException as error:
            raise NotPossible(
                f"places of group {group} cannot be committed: {error.args[0].str()}; stop the services that are its "
                "members, and restore again"
            ) from error
        finally:
            consumer.close()
        done += len(missing)
    return done


def by_group(places: Iterable[Place]) -> dict[str, dict[Partition, tuple[int, str]]]:
    """Places by group."""
    found: dict[str, dict[Partition, tuple[int, str]]] = {}
    for place in places:
        found.setdefault(place.group, {})[place.topic, place.partition] = place.offset, place.metadata
    return found


def _carried_over(place: Place, topic_id: str, were: list[Record], are: list[Record]) -> Place:
    """Behind the same record as before."""
    from tidemill.kafka.partitions.marks import Mark

    here = [(old.offset, now.offset) for old, now in zip(were, are, strict=True) if old.partition == place.partition]
    done = [now for old, now in here if old < place.offset]
    at = done[-1] + 1 if done else here[0][1] if here else 0
    mark = replace(Mark.parse(place.metadata), topic_id=topic_id, attempt=None)
    return replace(place, offset=at, metadata=mark.text())


def _of_another(place: Place) -> Place:
    """The same, saying for certain that it is of a topic before the one that is there."""
    from tidemill.kafka.partitions.marks import Mark

    mark = Mark.parse(place.metadata)
    return replace(place, metadata=replace(mark, topic_id=mark.topic_id or UNTOLD, attempt=None).text())
