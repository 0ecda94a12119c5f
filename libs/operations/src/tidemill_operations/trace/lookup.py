"""Finds records of one event on a topic without reading more than asked: by partition, by time of the log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tidemill.contracts.model_file.sources import COORDINATES
from tidemill.errors import DeadLetter
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.partitioner import partition_of
from tidemill.kafka.client.scan import scan
from tidemill.kafka.dead_letters import ERROR_TOPIC_ID, parse_dead_letter
from tidemill.kafka.headers import Headers, find, parse_source, source_name
from tidemill_operations.platform import PlatformView
from tidemill_operations.raw_records import RawRecords
from tidemill_operations.standing import groups
from tidemill_operations.standing.lag import Offsets
from tidemill_operations.standing.made_anew import MadeAnew


@dataclass(frozen=True, slots=True)
class Record:
    """One record found. `datum`: its Avro content, None where it cannot be read (`problem` says why); `value`: its
    bytes as they stand on the topic.
    """

    topic: str
    partition: int
    offset: int
    at_ms: int
    key: bytes | None
    headers: Headers
    datum: dict[str, Any] | None
    problem: str = ""
    value: bytes | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """TOPIC/PARTITION/OFFSET."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a look-up may read: some partitions (None: all), from a time of the log (Unix ms) to a time or the
    end.
    """

    partitions: tuple[int, ...] | None
    since_ms: int
    until_ms: int | None = None


class Lookup:
    """Look-ups in the topics of one model."""

    def __init__(self, view: PlatformView, model: str) -> None:
        self._view = view
        self._model = model
        self._raw = RawRecords(view, model)
        self._names = view.topics.model_topics(model)
        self._offsets = Offsets(view.settings)
        self._counts = self._offsets.partitions(list(self._names.values()))

    def partition(self, key: str) -> int | None:
        """Where records with this key are. The topics of one model have equal partition counts. None where the events
        come from a topic of someone else's: its producers may choose partitions in another way.
        """
        if self._view.topics.is_external("raw", self._model):
            return None
        return partition_of(key.encode(), self._counts[self._names["raw"]])

    def exists(self, role: str) -> bool:
        """Whether the topic is there."""
        return self._names[role] in self._counts

    def containing(self, role: str, text: str, bounds: Bounds) -> Iterator[Record]:
        """Records of a topic in whose bytes `text` stands: a look at the bytes is much cheaper than decoding
        each record.

        A longer id may contain a shorter one: the caller compares fields.
        """
        if not self.exists(role):
            return
        needle = text.encode()
        topic, numbers = self._names[role], bounds.partitions
        for batch in scan(self._view.settings, topic, partitions=numbers, since_ms=bounds.since_ms):
            for row, value in enumerate(batch.values):
                if value is not None and needle in value:
                    yield self._record(role, batch, row)
            if bounds.until_ms is not None and _all_past(batch.partitions, batch.timestamps_ms, bounds):
                return

    def at(self, role: str, partition: int, offset: int) -> Record | None:
        """The record at one position, None where there is none (any more)."""
        window = {partition: offset}, {partition: offset + 1}
        topic = self._names[role]
        for batch in scan(self._view.settings, topic, partitions=[partition], start=window[0], end=window[1]):
            if role == "raw":
                batch = replace(batch, anew=self._anew.get(topic, {}))
            if batch.offsets[:1] == [offset]:
                return self._record(role, batch, 0)
        return None

    def position(self, event_id: str) -> tuple[int, int] | None:
        """Partition and offset on raw of an event whose id is its coordinates there; None for other ids, and where they
        are of a topic that was deleted since.
        """
        source = self._view.models[self._model].external("raw")
        if source is None or source.event_id != COORDINATES:
            return None
        found = re.fullmatch(rf"{re.escape(source.topic)}(?:@([\w-]+))?-([0-9]+)-([0-9]+)", event_id)
        if found is None or not self.is_there(source_name(source.topic, found[1] or ""), int(found[2])):
            return None
        return int(found[2]), int(found[3])

    def is_there(self, source: str, partition: int) -> bool:
        """Whether a raw topic, as origins and ids name it, is the one that is there now."""
        topic, topic_id = parse_source(source)
        return topic_id == self._anew.get(topic, {}).get(partition, "")

    @cached_property
    def _anew(self) -> Mapping[str, Mapping[int, str]]:
        places = self._offsets.places(self._view.topics.group(groups.VALIDATOR))
        known = self._offsets.known(self._view.topics.name("source_topics"))
        return MadeAnew.of(self._offsets, places, [self._names["raw"]], known).ids

    def dead_letter_of(self, raw: Record, since_ms: int) -> Record | None:
        """The dead letter of a raw record, by the position in its headers. `since_ms`: not set aside before."""
        topic = self._names["raw_dlq"]
        for batch in scan(self._view.settings, topic, partitions=[raw.partition], since_ms=since_ms):
            for row, headers in enumerate(batch.headers):
                found, topic_id = parse_dead_letter(headers), find(headers, ERROR_TOPIC_ID) or b""
                here = found is not None and found[:3] == (raw.topic, raw.partition, raw.offset)
                if here and self.is_there(source_name(raw.topic, topic_id.decode()), raw.partition):
                    return self._record("raw_dlq", batch, row)
        return None

    def _record(self, role: str, batch: Batch, row: int) -> Record:
        datum, problem = None, ""
        try:
            datum = self._datum(role, batch, row)
        except DeadLetter as error:
            problem = error.reason
        return Record(
            batch.topic,
            batch.partitions[row],
            batch.offsets[row],
            batch.timestamps_ms[row],
            batch.keys[row],
            list(batch.headers[row] or ()),
            datum,
            problem,
            batch.values[row],
        )

    def _datum(self, role: str, batch: Batch, row: int) -> dict[str, Any]:
        if role.removesuffix("_dlq") in ("raw", "labels_raw"):
            return self._raw.read(role, batch, row)
        return self._view.codec.decode_one(batch.values[row], self._view.schemas.for_topic(role, self._model))


def _all_past(partitions: Sequence[int], times_ms: Sequence[int], bounds: Bounds) -> bool:
    """Whether every partition in a batch has passed the end of the bounds; other partitions may not have."""
    assert bounds.until_ms is not None
    wanted = None if bounds.partitions is None else set(bounds.partitions)
    newest: dict[int, int] = {}
    for number, at in zip(partitions, times_ms, strict=True):
        newest[number] = max(at, newest.get(number, 0))
    if wanted is None or not wanted <= newest.keys():
        return False
    return all(at > bounds.until_ms for at in newest.values())
