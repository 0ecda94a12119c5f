"""Partitions for which there is no room: a record keeps its partition number, and an output has not got it yet."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping

from tidemill.errors import RetryLater
from tidemill.kafka import metrics
from tidemill.kafka.batch import Partition

__all__ = ["Room"]

LONGEST_S = 15.0

_log = logging.getLogger(__name__)


class Room:
    """Keeps topics waiting, each by itself, until what is written from them has grown. For one thread at a time."""

    def __init__(
        self,
        outputs: Mapping[str, Collection[str]],
        count: Callable[[Collection[str]], Mapping[str, int]],
        widen: Callable[[str], str | None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`outputs`: by topic that is read, the topics whose records keep its partition numbers. `count`: partition
        count of those that exist. `widen` has the outputs of a topic grow; it gives what stands in the way and what
        to type, or None. Both raise RetryLater without brokers.
        """
        self._outputs = {topic: frozenset(names) for topic, names in outputs.items()}
        self._count, self._widen, self._monotonic_s = count, widen, monotonic_s
        self._waiting: dict[str, set[int]] = {}
        self._next_s, self._delay_s = 0.0, 1.0

    @property
    def topics(self) -> set[str]:
        """The topics that are not to be read now."""
        return set(self._waiting)

    def add(self, outputs: Mapping[str, Collection[str]]) -> None:
        """These are written too, from topics that are read by now, or will be."""
        for topic, names in outputs.items():
            self._outputs[topic] = self._outputs.get(topic, frozenset()) | frozenset(names)

    def take(self, partitions: Iterable[Partition]) -> list[Partition]:
        """Those of these new partitions that there is room for; the others wait with their topic. Raises RetryLater
        without brokers.
        """
        partitions = list(partitions)
        narrow = self._narrow(partitions)
        if narrow:
            problems = {topic: self._widen(topic) for topic in sorted({topic for topic, _ in narrow})}
            narrow = self._narrow(partitions)
            for topic, number in sorted(narrow):
                self._wait(topic, number, problems.get(topic))
            self._delay_s = 1.0
            self._next_s = self._monotonic_s() + self._delay_s
        return [partition for partition in partitions if partition not in narrow]

    def due(self) -> list[Partition]:
        """Partitions that waited and that there is room for by now, to be dropped when they have begun; asks now and
        then, more rarely from time to time.
        """
        if not self._waiting or self._monotonic_s() < self._next_s:
            return []
        self._delay_s = min(LONGEST_S, 2 * self._delay_s)
        self._next_s = self._monotonic_s() + self._delay_s
        waiting = [(topic, number) for topic, numbers in self._waiting.items() for number in sorted(numbers)]
        try:
            narrow = self._narrow(waiting)
            if narrow:
                for topic in sorted({topic for topic, _ in narrow}):
                    self._widen(topic)  # the right to may have been given
                narrow = self._narrow(waiting)
        except RetryLater as error:
            _log.info("the partitions of outputs are not known now: %s", error)
            return []
        return [partition for partition in waiting if partition not in narrow]

    def drop(self, partitions: Iterable[Partition]) -> None:
        """These wait no longer: there is room, or another process has them."""
        for topic, number in partitions:
            numbers = self._waiting.get(topic)
            if numbers is None:
                continue
            numbers.discard(number)
            if not numbers:
                del self._waiting[topic]
                metrics.WITHOUT_ROOM.labels(topic).set(0)
                _log.info("%s waits for partitions no longer", topic, extra={"topic": topic})

    def _wait(self, topic: str, number: int, problem: str | None) -> None:
        if topic not in self._waiting:
            level = logging.INFO if problem is None else logging.ERROR
            why = problem or "partitions were added to what is written from it"
            _log.log(level, "%s waits, the others go on: %s", topic, why, extra={"topic": topic})
            metrics.WITHOUT_ROOM.labels(topic).set(1)
        self._waiting.setdefault(topic, set()).add(number)

    def _narrow(self, partitions: Iterable[Partition]) -> set[Partition]:
        """Those of `partitions` that an output has not."""
        partitions = list(partitions)
        names = {name for topic, _ in partitions for name in self._outputs[topic]}
        counts = self._count(names) if names else {}
        least = {topic: min(counts.get(name, 0) for name in self._outputs[topic]) for topic, _ in partitions}
        return {(topic, number) for topic, number in partitions if number >= least[topic]}
