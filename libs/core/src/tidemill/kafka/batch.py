"""What flows through a worker: records as aligned columns, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidemill.kafka.headers import Headers, source_name

if TYPE_CHECKING:
    from confluent_kafka import Message

__all__ = ["Batch", "Output", "Partition"]

Partition = tuple[str, int]
"""(topic, partition number)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic and any of its partitions; all columns have the same length.

    Records of one partition stand in offset order; partitions may be interleaved. `timestamps_ms` is the
    record's timestamp (the broker's append time on the platform's topics). A record without headers has
    None. `anew`: by partition the id of the topic, where the reader had read another topic of this name before.
    """

    topic: str
    partitions: list[int]
    offsets: list[int]
    timestamps_ms: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Headers | None]
    anew: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets)

    def source(self, partition: int) -> str:
        """The topic as what is made of its records names it: `topic`, or `topic@id` where it was made anew, since
        its offsets are there a second time.
        """
        return source_name(self.topic, self.anew.get(partition, ""))

    @classmethod
    def from_messages(cls, messages: Iterable[Message]) -> list[Batch]:
        """One batch per topic, in the order in which the topics first appear; messages carry no error."""
        rows = list(messages)
        topics = [message.topic() for message in rows]
        if topics and topics.count(topics[0]) == len(topics):  # the usual case, without a loop of ours
            return [cls._of_topic(topics[0], rows)]  # type: ignore[arg-type]
        by_topic: dict[str, list[Message]] = {}
        for topic, message in zip(topics, rows, strict=True):
            by_topic.setdefault(topic, []).append(message)  # type: ignore[arg-type]
        return [cls._of_topic(topic, rows) for topic, rows in by_topic.items()]

    @classmethod
    def _of_topic(cls, topic: str, rows: list[Message]) -> Batch:
        return cls(
            topic=topic,
            partitions=[m.partition() for m in rows],  # type: ignore[misc]
            offsets=[m.offset() for m in rows],  # type: ignore[misc]
            timestamps_ms=[m.timestamp()[1] for m in rows],
            keys=[m.key() for m in rows],
            values=[m.value() for m in rows],
            headers=[m.headers() for m in rows],  # type: ignore[misc]
        )

    def part(self, start: int, stop: int) -> Batch:
        """Some of the records, as a batch of their own."""
        here = slice(start, stop)
        return Batch(
            self.topic,
            self.partitions[here],
            self.offsets[here],
            self.timestamps_ms[here],
            self.keys[here],
            self.values[here],
            self.headers[here],
            self.anew,
        )

    def at(self, places: Sequence[int]) -> Batch:
        """The records at these places, in this order, as a batch of their own."""
        return Batch(
            self.topic,
            [self.partitions[k] for k in places],
            [self.offsets[k] for k in places],
            [self.timestamps_ms[k] for k in places],
            [self.keys[k] for k in places],
            [self.values[k] for k in places],
            [self.headers[k] for k in places],
            self.anew,
        )


@dataclass(frozen=True, slots=True)
class Output:
    """Records to write to one topic; columns are aligned.

    `partitions` is one number for all records, a column of numbers, or None: then the key decides (`murmur2_random`, as
    Java's default). `keys`, `headers` and `timestamps_ms` may be None: no key, no headers, the broker's time.
    """

    topic: str
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None] | None = None
    partitions: Sequence[int] | int | None = None
    headers: Sequence[Headers | None] | None = None
    timestamps_ms: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.values)
