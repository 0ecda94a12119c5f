"""What *profile* commits beside an offset, as text: the log's clock, its windows, and of which topic it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from confluent_kafka import TopicPartition

from tidemill.kafka.batch import Partition
from tidemill.kafka.partitions.marks import Mark
from tidemill_learning.drift.profiling.windows import LabelCounts, Place, RestPlace

NO_MARK = Mark()


def to_commit(places: Mapping[Partition, Place], marks: Mapping[Partition, Mark]) -> list[TopicPartition]:
    """Places as they are committed, each with the mark of its log."""
    return [
        TopicPartition(*key, place.offset, metadata=metadata_of(place, marks.get(key, NO_MARK)))
        for key, place in places.items()
    ]


def metadata_of(place: Place, mark: Mark = NO_MARK) -> str:
    """The text that is committed; `Mark.parse` reads its part of it."""
    told: dict[str, object] = {"clock": place.clock, "window": place.window, **mark.facts()}
    if place.labels.to:
        told["labels"] = asdict(place.labels)  # `tidemill status` and `quality` read it there
    if place.rest is not None:
        told["rest"] = asdict(place.rest)
    return json.dumps(told)


def place_of(committed: TopicPartition) -> Place | None:
    """The committed place of a log; None where there is none, or one without a clock (of another program)."""
    if committed.offset < 0:
        return None
    try:
        metadata = json.loads(committed.metadata or "")
        clock, window = int(metadata["clock"]), int(metadata["window"])
        return Place(
            committed.offset, clock, window, _label_counts(metadata.get("labels")), _rest(metadata.get("rest"))
        )
    except (ValueError, KeyError, TypeError):
        return None


def _rest(told: object) -> RestPlace | None:
    return RestPlace(**{name: int(value) for name, value in told.items()}) if isinstance(told, dict) else None


def _label_counts(told: object) -> LabelCounts:
    if not isinstance(told, dict):
        return LabelCounts()
    waiting = tuple((str(digest), int(offset)) for digest, offset in told.get("waiting", ()))
    newest = tuple(map(int, told["newest"]))
    return LabelCounts(int(told["to"]), int(told["labels"]), int(told["orphans"]), newest, waiting)
