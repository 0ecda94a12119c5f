"""A Quix Streams application that validates, exactly once (its own setting), in an environment of its own."""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application

from benchmarks.rivals.payment import Checker, origin


def run(bootstrap: str, source: str, target: str) -> None:
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
    clean = app.topic(target, value_serializer="bytes", key_serializer="bytes")
    dead = app.topic(f"{target}-dlq", value_serializer="bytes", key_serializer="bytes")
    check = Checker()

    def judged(value: bytes, key: Any, timestamp: int, headers: Any) -> tuple[bytes, str | None]:
        return value, check(value)

    def marked(item: tuple[bytes, str | None], key: Any, timestamp: int, headers: Any) -> list[tuple[str, bytes]]:
        from quixstreams import message_context

        at = message_context()
        more = [("tidemill.origin", origin(at.topic, at.partition, at.offset))]
        return [*(headers or []), *more, *([("reason", item[1].encode())] if item[1] else [])]

    frame = app.dataframe(raw).apply(judged, metadata=True).set_headers(marked)
    frame.filter(lambda item: item[1] is None).apply(lambda item: item[0]).to_topic(clean)
    frame.filter(lambda item: item[1] is not None).apply(lambda item: item[0]).to_topic(dead)
    app.run()


if __name__ == "__main__":
    run(*sys.argv[1:4])
