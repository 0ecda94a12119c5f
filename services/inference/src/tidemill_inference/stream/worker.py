"""The stream worker behind the exactly-once loop: scores batches, and waits for versions and for room."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.kafka.partitions.room import Room
from tidemill.kafka.worker import TolerantWorker
from tidemill.service.footprint import Trimmer
from tidemill_inference.serving.serving import Predictor
from tidemill_inference.stream.hold_unloaded import HoldsWhatWaits

SYNC_S = 10.0
"""How long new partitions wait at a time for the versions that others may serve already."""


class StreamWorker(TolerantWorker):
    """`models`: by clean topic. `sync(within_s, models)` reads and loads the newest versions of these models, or
    raises RetryLater. Of a record that fails nothing is predicted: the loop counts and logs it.
    """

    def __init__(
        self,
        models: Mapping[str, str],
        predictors: Mapping[str, Predictor],
        scoring: HoldsWhatWaits,
        room: Room,
        sync: Callable[[float, Collection[str]], None],
    ) -> None:
        self._models = models
        self._predictors = predictors
        self._scoring = scoring
        self._room = room
        self._sync = sync
        self._trim = Trimmer()

    def process(self, batches: list[Batch]) -> list[Output]:
        """Predictions for every record. Raises HoldTopics where a model cannot be loaded now."""
        return self._scoring(batches)

    def start_offsets(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        """Where the training rows of the first version ended; partitions added since then are read from
        their beginning.
        """
        starts: dict[Partition, int] = {}
        for topic, number in partitions:
            offsets = self._predictors[self._models[topic]].current().event.start_offsets
            starts[topic, number] = offsets[number] if number < len(offsets) else 0
        return starts

    def assigned(self, partitions: list[Partition]) -> None:
        """The member before us may have served a version that we have not read of: read and load it first,
        so that the epochs in a partition never go back. A prediction goes to the partition number that its
        record came from: a model whose predictions have fewer partitions waits until they have grown.
        """
        self._sync(SYNC_S, {self._models[topic] for topic, _ in partitions})
        self._room.take(partitions)
        self._scoring.apply()

    def revoked(self, partitions: list[Partition]) -> None:
        """They wait for no room of ours any more: their topics go on with the partitions that are left."""
        self._room.drop(partitions)
        self._scoring.apply()

    def before_batch(self) -> None:
        """Go on with the topics whose time has come."""
        self._scoring.release()

    def idle(self) -> None:
        """As between batches, and freed memory goes back to the system."""
        self._scoring.release()
        self._trim()

    def set_aside(self, one: Batch, why: str) -> list[Output]:
        """Nothing."""
        return []

    def unread(self, one: Batch, why: str) -> list[Output]:
        """Nothing."""
        return []
