"""A Quix Streams application that validates, exactly once (its own setting), in an environment of its own."""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application, message_context
from quixstreams.models.serializers import Serializer

from benchmarks.rivals.payment import Checker, origin

Judged = tuple[str | None, bytes, bytes | None]
"""Reason or None, value, key."""


class ValueOf(Serializer):
    """Writes the value of what was judged."""

    def __call__(self, item: Judged, ctx: Any) -> bytes:
        return item[1]


def run(bootstrap: str, source: str, target: str, key_file: str = "") -> None:
    """Read, check, write to clean or to dead letters, until stopped."""
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"{target}-quix",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=False,
        loglevel="ERROR",
    )
    raw = app.topic(source, value_deserializer="bytes", key_deserializer="bytes")
    clean = app.topic(target, value_serializer=ValueOf(), key_serializer="bytes")
    dead = app.topic(f"{target}-dlq", value_serializer=ValueOf(), key_serializer="bytes")
    check = Checker.of_file(key_file)

    def judged(value: bytes, key: Any, timestamp: int, headers: Any) -> Judged:
        return check(value, key)

    def marked(item: Judged, key: Any, timestamp: int, headers: Any) -> list[tuple[str, bytes]]:
        at = message_context()
        more = [("tidemill.origin", origin(at.topic, at.partition, at.offset))]
        return [*(headers or []), *more, *([("reason", item[0].encode())] if item[0] else [])]

    def where(item: Judged, key: Any, timestamp: int, headers: Any) -> Any:
        return clean if item[0] is None else dead

    frame = app.dataframe(raw).apply(judged, metadata=True).set_headers(marked)
    frame.to_topic(where, key=lambda item: item[2])
    app.run()


if __name__ == "__main__":
    run(*sys.argv[1:5])
