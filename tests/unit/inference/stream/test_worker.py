"""A topic waits for room as long as a partition of it that this process has needs it, and no longer."""

from __future__ import annotations

from collections.abc import Collection

from tidemill.kafka.partitions.room import Room
from tidemill_inference.stream.hold_unloaded import HoldsWhatWaits
from tidemill_inference.stream.worker import StreamWorker


def test_a_topic_goes_on_when_the_partition_without_room_has_gone_to_another_process() -> None:
    held: list[set[str]] = []
    room = Room({"clean": ["predictions"]}, lambda names: {"predictions": 1}, lambda name: "nobody may add any")
    scoring = HoldsWhatWaits(lambda batches: [], {"model": "clean"}, room=room)

    def hold(topics: Collection[str]) -> None:
        held.append(set(topics))

    scoring.hold = hold
    worker = StreamWorker({"clean": "model"}, {}, scoring, room, lambda within_s, models: None)
    worker.assigned([("clean", 0), ("clean", 1)])
    assert held[-1] == {"clean"}
    worker.revoked([("clean", 1)])
    assert held[-1] == set()
