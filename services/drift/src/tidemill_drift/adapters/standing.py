"""Where *profile* stands in each log: of which topic that is, and where it goes on when the log does not hold it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from confluent_kafka import Consumer, Message

from tidemill.errors import RetryLater
from tidemill.kafka.batch import Partition
from tidemill.kafka.partitions.astray import Astray, bounds, not_there
from tidemill.kafka.partitions.marks import Mark, Resumption, go_on
from tidemill.kafka.partitions.resuming import say
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill_learning.drift.profiling.windows import Place

_log = logging.getLogger(__name__)


class Standing:
    """The marks that are committed with places, and the partitions that do not hold what comes next. One thread."""

    def __init__(self, group: str, topic_ids: TopicIds) -> None:
        self._group = group
        self._topic_ids = topic_ids
        self.marks: dict[Partition, Mark] = {}
        self.lows: dict[Partition, int] = {}
        """First offset of each log, as far as it was told."""
        self.astray = Astray()
        """Logs that do not hold the offset that comes next, or are of another topic by now: what is read of them is of
        no use before `go_on` has found where that is.
        """

    @property
    def anew(self) -> dict[Partition, str]:
        """Ids of the topics that were made anew while they were profiled."""
        return {key: mark.topic_id for key, mark in self.marks.items() if mark.renewed}

    def note(self, messages: Iterable[Message]) -> None:
        """Take in what the client says of offsets that are not there, and what has become known of topics' ids."""
        self.astray.add(not_there(messages) & self.marks.keys())
        for topic, found in self._topic_ids.look({topic for topic, _ in self.marks}).items():
            self.astray.add(key for key, mark in self.marks.items() if key[0] == topic and mark.anew(found))

    def begin(
        self, consumer: Consumer, places: Mapping[Partition, Place | None], marks: Mapping[Partition, Mark]
    ) -> dict[Partition, Place | None]:
        """Where to begin, for each log that is held from now on; says what it must leave out. As it was committed where
        brokers do not tell what the log holds: it stays astray until they do.
        """
        self.marks, self.lows, self.astray = {key: marks.get(key, Mark()) for key in places}, {}, Astray()
        self.astray.add(places)
        try:
            return self.go_on(consumer, places)
        except RetryLater as error:
            _log.warning("begun as it was committed: %s", error)
            return dict(places)

    def go_on(self, consumer: Consumer, places: Mapping[Partition, Place | None]) -> dict[Partition, Place | None]:
        """These places, but where to go on for logs that were astray and of which brokers tell now; says what must be
        left out. Raises RetryLater without brokers, without effect.
        """
        with self.astray.asking():
            ids = self._topic_ids.of({topic for topic, _ in self.astray})
        found = self.astray.ask(lambda key: self._resumption(consumer, key, places[key], ids[key[0]]))
        going = dict(places)
        for key, one in found.items():
            place = places[key]
            say(self._group, key, one)
            self.marks[key] = one.mark
            going[key] = None if place is None else at(place, one, anew=one.anew)
        self.astray.discard(found)
        return going

    def _resumption(self, consumer: Consumer, key: Partition, place: Place | None, topic_id: str) -> Resumption:
        mark = self.marks[key]
        low, high = bounds(consumer, key, mark, topic_id)
        self.lows[key] = low
        if place is None:
            return Resumption(low, replace(mark, topic_id=topic_id or mark.topic_id))
        return go_on(place.offset, mark, low, high, topic_id)


def at(place: Place, found: Resumption, *, anew: bool) -> Place:
    """The place to go on at: of a topic made anew one that knows nothing of the old one's clock and windows."""
    if anew:
        return Place(found.start)
    return place if found.start == place.offset else replace(place, offset=found.start)
