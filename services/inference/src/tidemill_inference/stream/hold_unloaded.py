"""A model that cannot be loaded now, or has no room for predictions, holds up its own topic, and no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from tidemill.errors import HoldTopics
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.partitions.room import Room
from tidemill_inference.model_cache.lazy_model import NotLoaded
from tidemill_inference.serving.serving import NoVersion


class HoldsWhatWaits:
    """Around the worker's process: where a model is not there, its topic is held until it is worth asking again.

    The batch is not written and read again without that topic, so each record is predicted once as ever. One thread
    at a time uses it.
    """

    def __init__(
        self,
        process: Callable[[list[Batch]], list[Output]],
        topics: Mapping[str, str],
        monotonic_s: Callable[[], float] = time.monotonic,
        room: Room | None = None,
    ) -> None:
        """`topics`: the clean topic of each model. `room`: which of them wait for partitions of predictions."""
        self._process = process
        self._topics = topics
        self._monotonic_s = monotonic_s
        self._room = room
        self._until_s: dict[str, float] = {}
        self.hold: Callable[[Collection[str]], None] = lambda topics: None

    def __call__(self, batches: list[Batch]) -> list[Output]:
        """What the process gives. Raises HoldTopics where a model cannot be loaded now, or has no version any more."""
        try:
            return self._process(batches)
        except (NotLoaded, NoVersion) as error:
            self._until_s[self._topics[error.model]] = self._monotonic_s() + error.delay_s
            raise HoldTopics(self._held) from error

    def release(self) -> None:
        """Go on with the topics whose time has come; to be called often."""
        now = self._monotonic_s()
        over = [topic for topic, until in self._until_s.items() if until <= now]
        for topic in over:
            del self._until_s[topic]
        roomy = self._room.due() if self._room is not None else []
        if self._room is not None:
            self._room.drop(roomy)
        if over or roomy:
            self.apply()

    def apply(self) -> None:
        """Hold what waits, and nothing else."""
        self.hold(self._held)

    @property
    def _held(self) -> set[str]:
        return self._until_s.keys() | (self._room.topics if self._room is not None else set())
