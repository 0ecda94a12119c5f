"""Headers of a dead letter, by the names that Kafka Connect uses (KIP-298), so that its tools read ours; and of
the record that resolves one.

A resolution is a record without a value on the dead letter's own topic and partition, with the dead letter's key.
It says that the dead letter was replayed or discarded, and stands beside it in the log as proof.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidemill.kafka.headers import Header, Headers, find, origin, parse_origin

__all__ = [
    "ERROR_CLASS",
    "ERROR_HEADERS",
    "ERROR_MESSAGE",
    "ERROR_OFFSET",
    "ERROR_PARTITION",
    "ERROR_TOPIC",
    "ERROR_TOPIC_ID",
    "RESOLUTION",
    "RESOLVES",
    "dead_letter_headers",
    "is_resolution",
    "parse_dead_letter",
    "parse_resolution",
    "resolution_headers",
]  # fmt: skip

ERROR_TOPIC = "__connect.errors.topic"
ERROR_PARTITION = "__connect.errors.partition"
ERROR_OFFSET = "__connect.errors.offset"
ERROR_CLASS = "__connect.errors.exception.class.name"
ERROR_MESSAGE = "__connect.errors.exception.message"
ERROR_TOPIC_ID = "tidemill.errors.topic.id"
"""Of the topic that a dead letter was read from, where that was made anew while it was read."""
ERROR_HEADERS = frozenset({ERROR_TOPIC, ERROR_PARTITION, ERROR_OFFSET, ERROR_CLASS, ERROR_MESSAGE, ERROR_TOPIC_ID})

RESOLVES = "tidemill.resolves"
"""On a resolution: `topic/partition/offset` of the dead letter that it resolves."""
RESOLUTION = "tidemill.resolution"
"""On a resolution: what was done, `replayed` or `discarded`."""


def dead_letter_headers(
    topic: str, partition: int, offset: int, error_class: str, message: str, topic_id: str = ""
) -> Headers:
    """Headers that say where a dead letter was read and why it was set aside; values are UTF-8 text. `topic_id`: of
    a topic that was made anew.
    """
    return [
        *([(ERROR_TOPIC_ID, topic_id.encode())] if topic_id else []),
        (ERROR_TOPIC, topic.encode()),
        (ERROR_PARTITION, b"%d" % partition),
        (ERROR_OFFSET, b"%d" % offset),
        (ERROR_CLASS, error_class.encode()),
        (ERROR_MESSAGE, message.encode()),
    ]


def parse_dead_letter(headers: Headers | None) -> tuple[str, int, int, str, str] | None:
    """(topic, partition, offset, error class, message) of a dead letter; None for other headers."""
    values = [find(headers, name) for name in (ERROR_TOPIC, ERROR_PARTITION, ERROR_OFFSET)]
    if any(value is None for value in values):
        return None
    topic, partition, offset = (value.decode() for value in values if value is not None)
    error_class, message = ((find(headers, name) or b"").decode() for name in (ERROR_CLASS, ERROR_MESSAGE))
    return topic, int(partition), int(offset), error_class, message


def resolution_headers(topic: str, partition: int, offset: int, done: str) -> Headers:
    """Headers of the record that resolves the dead letter at a position; `done`: replayed or discarded."""
    return [(RESOLVES, origin(topic, partition, offset)), (RESOLUTION, done.encode())]


def is_resolution(headers: Sequence[Header] | None) -> bool:
    """Whether a record on a dead-letter topic resolves a dead letter, and so is none itself.

    A dead letter keeps the headers of whoever wrote it, even such a one: what has an error header is a dead letter.
    """
    return find(headers, RESOLVES) is not None and find(headers, ERROR_TOPIC) is None


def parse_resolution(headers: Sequence[Header] | None) -> tuple[str, int, int] | None:
    """Topic, partition and offset of the dead letter that a resolution resolves; None for other records."""
    value = find(headers, RESOLVES) if is_resolution(headers) else None
    try:
        return None if value is None else parse_origin(value)
    except ValueError:
        return None
