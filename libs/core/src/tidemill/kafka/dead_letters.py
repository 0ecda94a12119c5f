"""Headers of a dead letter, by the names that Kafka Connect uses (KIP-298), so that its tools read ours."""

from __future__ import annotations

from tidemill.kafka.headers import Headers, find

__all__ = [
    "ERROR_CLASS", "ERROR_MESSAGE", "ERROR_OFFSET", "ERROR_PARTITION", "ERROR_TOPIC",
    "dead_letter_headers", "parse_dead_letter",
]  # fmt: skip

ERROR_TOPIC = "__connect.errors.topic"
ERROR_PARTITION = "__connect.errors.partition"
ERROR_OFFSET = "__connect.errors.offset"
ERROR_CLASS = "__connect.errors.exception.class.name"
ERROR_MESSAGE = "__connect.errors.exception.message"


def dead_letter_headers(topic: str, partition: int, offset: int, error_class: str, message: str) -> Headers:
    """Headers that say where a dead letter was read and why it was set aside; values are UTF-8 text."""
    return [
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
