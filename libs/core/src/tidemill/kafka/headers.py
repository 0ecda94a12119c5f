"""Names and values of the record headers that the platform writes."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ORIGIN", "TRACEPARENT", "Header", "Headers", "find", "origin", "parse_origin"]

ORIGIN = "tidemill.origin"
"""Where a record came from: ``topic/partition/offset`` of the record that it was made of."""

TRACEPARENT = "traceparent"
"""W3C trace context of the producer."""

Header = tuple[str, bytes | None]
Headers = list[tuple[str, bytes | None]]


def origin(topic: str, partition: int, offset: int) -> bytes:
    """The value of the origin header for one position."""
    return f"{topic}/{partition}/{offset}".encode()


def parse_origin(value: bytes) -> tuple[str, int, int]:
    """Topic, partition and offset of an origin header; raises ValueError if it is not one."""
    topic, partition, offset = value.decode().rsplit("/", 2)
    return topic, int(partition), int(offset)


def find(headers: Sequence[Header] | None, name: str) -> bytes | None:
    """The last value under ``name`` (as Kafka's ``lastHeader``), None where there is none."""
    if headers:
        for key, value in reversed(headers):
            if key == name:
                return value
    return None
