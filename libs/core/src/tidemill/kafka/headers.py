"""Names and values of the record headers that the platform writes."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "ORIGIN",
    "TRACEPARENT",
    "Header",
    "Headers",
    "find",
    "origin",
    "parse_origin",
    "parse_source",
    "source_name",
]

ORIGIN = "tidemill.origin"
"""Where a record came from: `topic/partition/offset` of the record that it was made of; `topic@id/partition/offset`
where that topic was made anew while it was read: there would be two records of one place otherwise.
"""

TRACEPARENT = "traceparent"
"""W3C trace context of the producer."""

Header = tuple[str, bytes | None]
Headers = list[tuple[str, bytes | None]]


def origin(topic: str, partition: int, offset: int) -> bytes:
    """The value of the origin header for one position."""
    return f"{topic}/{partition}/{offset}".encode()


def parse_origin(value: bytes) -> tuple[str, int, int]:
    """Topic (as `source_name` writes it), partition and offset of an origin header; raises ValueError if it is not
    one.
    """
    topic, partition, offset = value.decode().rsplit("/", 2)
    return topic, int(partition), int(offset)


def source_name(topic: str, topic_id: str) -> str:
    """`topic@id`, or the topic alone without an id; no topic's name holds an `@`."""
    return f"{topic}@{topic_id}" if topic_id else topic


def parse_source(name: str) -> tuple[str, str]:
    """Topic and id of what `source_name` gives."""
    topic, _, topic_id = name.partition("@")
    return topic, topic_id


def find(headers: Sequence[Header] | None, name: str) -> bytes | None:
    """The last value under `name` (as Kafka's `lastHeader`), None where there is none."""
    if headers:
        for key, value in reversed(headers):
            if key == name:
                return value
    return None
