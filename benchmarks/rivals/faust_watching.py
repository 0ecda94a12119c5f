"""A Faust agent that watches with river. At least once, and what it has counted is gone when it dies."""

from __future__ import annotations

import sys

import faust

from benchmarks.rivals import faust_app
from benchmarks.rivals.watching import ROLES, Stopwatch, Watch


def application(bootstrap: str, folder: str, model: str, records: str, name: str, *topics: str) -> faust.App:
    """One agent a topic over one state, as Faust's guide writes them."""
    app = faust_app.application(bootstrap, name)
    watch, stopwatch = Watch(folder, model), Stopwatch(int(records))

    def watches(role: str, topic: str) -> None:
        source = app.topic(topic, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")

        @app.agent(source, name=f"watch-{role}")
        async def agent(stream: faust.StreamT) -> None:
            async for value in stream:
                watch.take(role, value)
                stopwatch.note()

    for role, topic in zip(ROLES, topics, strict=True):
        watches(role, topic)
    return app


if __name__ == "__main__":
    app = application(*sys.argv[1:])
    sys.argv = ["faust", "worker", "--loglevel", "error", "--without-web"]
    app.main()
