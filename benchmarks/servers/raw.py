"""The limit: an ASGI application that does nothing but the work, on the server that ours runs on, with its settings."""

from __future__ import annotations

import os
import sys
from typing import Any

import orjson

from benchmarks.servers.work import Scorer

GRAPH = "BENCH_GRAPH"
"""The environment variable by which servers that import an application hand the graph's path on."""


def application(path: str) -> Any:
    """The ASGI application for the graph at `path`."""
    score = Scorer(path)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        content = orjson.dumps({"probability": score(orjson.loads(body))})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


def app() -> Any:
    """A factory, for servers that import one."""
    return application(os.environ[GRAPH])


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(
        application(sys.argv[2]), port=int(sys.argv[1]), access_log=False, log_level="error", lifespan="off",
        server_header=False, proxy_headers=False,
    )  # fmt: skip
