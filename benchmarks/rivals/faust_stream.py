"""A Faust agent that calls ONNX Runtime. At least once: Faust's exactly-once mode has open defects."""

from __future__ import annotations

import sys

import faust

from benchmarks.rivals import faust_app
from benchmarks.rivals.payment import origin
from benchmarks.rivals.prediction import Scorer


def application(bootstrap: str, source: str, target: str, graph: str) -> faust.App:
    """The agent, as Faust's guide writes one."""
    app = faust_app.application(bootstrap, target)
    clean = app.topic(source, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")
    predictions = app.topic(target, value_serializer="raw", key_serializer="raw")
    scorer = Scorer(graph)

    @app.agent(clean)
    async def predict(stream: faust.StreamT) -> None:
        async for event in stream.events():
            message = event.message
            value = scorer.predict(message.value, message.partition, message.offset)
            headers = dict(message.headers or {})
            headers["tidemill.origin"] = origin(message.topic, message.partition, message.offset)
            await predictions.send(key=message.key, value=value, partition=message.partition, headers=headers)

    return app


if __name__ == "__main__":
    app = application(*sys.argv[1:5])
    sys.argv = ["faust", "worker", "--loglevel", "error", "--without-web"]
    app.main()
