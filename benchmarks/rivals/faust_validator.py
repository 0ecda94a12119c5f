"""A Faust agent that validates. At least once: Faust's exactly-once mode has open defects (faust #323, #517)."""

from __future__ import annotations

import sys

import faust

from benchmarks.rivals import faust_app
from benchmarks.rivals.payment import Checker, origin


def application(bootstrap: str, source: str, target: str, key_file: str = "") -> faust.App:
    """The agent, as Faust's guide writes one."""
    app = faust_app.application(bootstrap, target)
    raw = app.topic(source, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")
    clean = app.topic(target, value_serializer="raw", key_serializer="raw")
    dead = app.topic(f"{target}-dlq", value_serializer="raw", key_serializer="raw")
    check = Checker.of_file(key_file)

    @app.agent(raw)
    async def validate(stream: faust.StreamT) -> None:
        async for event in stream.events():
            message = event.message
            reason, value, key = check(message.value, message.key)
            headers = dict(message.headers or {})
            headers["tidemill.origin"] = origin(message.topic, message.partition, message.offset)
            to = clean if reason is None else dead
            if reason is not None:
                headers["reason"] = reason.encode()
            await to.send(key=key, value=value, partition=message.partition, headers=headers)

    return app


if __name__ == "__main__":
    app = application(*sys.argv[1:5])
    sys.argv = ["faust", "worker", "--loglevel", "error", "--without-web"]
    app.main()
