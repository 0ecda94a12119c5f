"""Where *profile* stands in each log: of which topic that is, and where it goes on when the log does not hold it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from confluent_kafka import Consumer, KafkaError, Message

from tidemill.kafka.partitions.marks import Mark, Resumption, go_on
from tidemill.kafka.partitions.resuming import log_bounds, say
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill_learning.drift.profiling.windows import Place

Key = tuple[str, int]
"""(topic, partition number)."""


class Standing:
    """The marks that are committed with places, and the partitions that do not hold what comes next. One thread."""

    def __init__(self, group: str, topic_ids: TopicIds) -> None:
        self._group = group
        self._topic_ids = topic_ids
        self.marks: dict[Key, Mark] = {}
        self.lows: dict[Key, int] = {}
        """First offset of each log, as far as it was told."""
        self.astray: set[Key] = set()
        """Logs that do not hold the offset that comes next, or are of another topic by now."""

    @property
    def anew(self) -> dict[Key, str]:
        """Ids of the topics that were made anew while they were profiled."""
        return {key: mark.topic_id for key, mark in self.marks.items() if mark.renewed}

    def note(self, messages: Iterable[Message]) -> None:
        """Take in what the client says of offsets that are not there, and what has become known of topics' ids."""
        for message in messages:
            error = message.error()
            if error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET:
                self.astray.add((str(message.topic()), int(message.partition() or 0)))
        for topic, found in self._topic_ids.look({topic for topic, _ in self.marks}).items():
            self.astray.update(key for key, mark in self.marks.items() if key[0] == topic and mark.anew(found))

    def go_on(
        self, consumer: Consumer, places: Mapping[Key, Place | None], marks: Mapping[Key, Mark]
    ) -> dict[Key, Place | None]:
        """Where to go on, for each log that is held from now on; says what it must leave out. Raises RetryLater
        without brokers, without effect.
        """
        ids = self._topic_ids.of({topic for topic, _ in places})
        bounds = {key: log_bounds(consumer, key) for key in places}
        self.marks, self.lows, self.astray = {}, {key: low for key, (low, _) in bounds.items()}, set()
        going: dict[Key, Place | None] = {}
        for key, place in places.items():
            mark = marks.get(key, Mark())
            if place is None:
                self.marks[key], going[key] = replace(mark, topic_id=ids[key[0]] or mark.topic_id), None
                continue
            found = go_on(place.offset, mark, *bounds[key], ids[key[0]])
            say(self._group, key, found)
            self.marks[key], going[key] = found.mark, at(place, found, anew=found.anew)
        return going

    def go_blindly(self, places: Mapping[Key, Place | None], marks: Mapping[Key, Mark]) -> None:
        """Brokers do not say what these logs hold: they are begun as they were committed, and looked at as soon as
        possible.
        """
        self.marks, self.lows, self.astray = {key: marks.get(key, Mark()) for key in places}, {}, set(places)


def at(place: Place, found: Resumption, *, anew: bool) -> Place:
    """The place to go on at: of a topic made anew one that knows nothing of the old one's clock and windows."""
    if anew:
        return Place(found.start)
    return place if found.start == place.offset else replace(place, offset=found.start)
