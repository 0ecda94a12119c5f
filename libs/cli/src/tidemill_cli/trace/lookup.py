"""Finds records of one event on a topic without reading more than asked: by partition, by time of the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tidemill.errors import DeadLetter
from tidemill.kafka.headers import Headers
from tidemill.kafka.partitioner import partition_of
from tidemill.kafka.scan import scan
from tidemill_cli.lag import Offsets
from tidemill_cli.platform import PlatformView


@dataclass(frozen=True, slots=True)
class Record:
    """One record found. `datum`: its Avro content, None where it cannot be read (`problem` says why)."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    key: bytes | None
    headers: Headers
    datum: dict[str, Any] | None
    problem: str = ""

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
        self._readers: dict[str, Any] = {}
        self._names = view.topics.model_topics(model)
        self._counts = Offsets(view.settings).partitions(list(self._names.values()))

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
            if batch.offsets[:1] == [offset]:
                return self._record(role, batch, 0)
        return None

    def _record(self, role: str, batch: Any, row: int) -> Record:
        datum, problem = None, ""
        try:
            datum = self._foreign(role, batch, row)
            if datum is None:
                datum = self._view.codec.decode_one(batch.values[row], self._schema(role))
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
        )

    def _foreign(self, role: str, batch: Any, row: int) -> dict[str, Any] | None:
        """A record of someone else's as one of the model's; None on a topic of the platform's own."""
        if not self._view.topics.is_external(role, self._model):
            return None
        if role not in self._readers:
            self._readers[role] = self._view.source_reader(role, self._model)
        one = type(batch)(batch.topic, *(column[row : row + 1] for column in _columns(batch)))
        decoded = self._readers[role].decode(one)
        if decoded.bad:
            raise DeadLetter(decoded.bad[0].message)
        return dict(decoded.rows.to_pylist()[0])

    def _schema(self, role: str) -> Any:
        behind = {"raw_dlq": "raw", "labels_raw_dlq": "labels_raw"}.get(role, role)
        return self._view.schemas.for_topic(behind, self._model)


def _columns(batch: Any) -> tuple[list[Any], ...]:
    return batch.partitions, batch.offsets, batch.timestamps_ms, batch.keys, batch.values, batch.headers


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
