"""A Quix Streams application that calls ONNX Runtime, exactly once (its own setting)."""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application, message_context

from benchmarks.rivals.payment import origin
from benchmarks.rivals.prediction import Scorer


def run(bootstrap: str, source: str, target: str, graph: str) -> None:
    """Read, score, write predictions, until stopped."""
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"{target}-quix",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=False,
        loglevel="ERROR",
    )
    clean = app.topic(source, value_deserializer="bytes", key_deserializer="bytes")
    predictions = app.topic(target, value_serializer="bytes", key_serializer="bytes")
    scorer = Scorer(graph)

    def scored(value: bytes) -> bytes:
        at = message_context()
        return scorer.predict(value, at.partition, at.offset)

    def marked(value: bytes, key: Any, timestamp: int, headers: Any) -> list[tuple[str, bytes]]:
        at = message_context()
        return [*(headers or []), ("tidemill.origin", origin(at.topic, at.partition, at.offset))]

    app.dataframe(clean).apply(scored).set_headers(marked).to_topic(predictions)
    app.run()


if __name__ == "__main__":
    run(*sys.argv[1:5])
