"""The common request on a short way: a few JSON instances for our own protocol, in one piece, answered without the
framework's routing and request objects, which cost more than the prediction.

It stands in front of the application and behind the gate. What it does not take goes on to the application as it
came, and is answered there by `v1.py`: the answers are the same, since both are made by `Predicting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import orjson
from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill_inference.dataplane import ModelEndpoint
from tidemill_inference.web.arrow import is_arrow
from tidemill_inference.web.body import parse_instances
from tidemill_inference.web.predicting import Predicting
from tidemill_inference.web.problems import Problem, defect_response, problem_response
from tidemill_inference.web.v1 import PREDICT

_ROUTE = SimpleNamespace(path=PREDICT)
"""What the layer that counts requests looks at."""
JSON = b"application/json"


class ShortWay:
    """An ASGI layer. Takes POST requests to the predict path of a known model, of JSON without an encoding."""

    def __init__(self, app: ASGIApp, predicting: Predicting) -> None:
        self._app = app
        self._predicting = predicting
        self._endpoints: Mapping[str, tuple[ModelEndpoint, frozenset[str]]] = {
            PREDICT.format(model=model): (endpoint, frozenset(endpoint.record.field_names))
            for model, endpoint in predicting.endpoints.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        if target is None or scope["method"] != "POST" or not _is_plain(scope["headers"]):
            await self._app(scope, receive, send)
            return
        first = await receive()
        answer = await self._answer(*target, scope, first)
        if answer is None:
            await self._app(scope, _again(first, receive), send)
            return
        scope["route"] = _ROUTE
        for message in answer:
            await send(message)

    async def _answer(
        self, endpoint: ModelEndpoint, fields: frozenset[str], scope: Scope, first: Message
    ) -> tuple[Message, Message] | None:
        """The answer to a whole body; None where the application is to answer."""
        body = first.get("body", b"")
        if first["type"] != "http.request" or first.get("more_body") or len(body) > self._predicting.limits.body_bytes:
            return None
        try:
            instances, batch = parse_instances(body, self._predicting.limits.instances, fields)
            if not self._predicting.gathers(endpoint, len(instances)):
                return None
            given = _traceparent(scope["headers"])
            answers, headers = await self._predicting.answer_gathered(endpoint, instances, given)
        except Problem as problem:
            return _failed(problem_response(scope["path"], problem))
        except Exception as error:  # noqa: BLE001 - of whatever kind: the log has it
            return _failed(defect_response(scope["path"], scope["state"]["request_id"], error))
        content = orjson.dumps({"predictions": answers} if batch else answers[0])
        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        head = [*named, (b"content-length", b"%d" % len(content)), (b"content-type", JSON)]
        return _messages(200, head, content)


def _is_plain(headers: list[tuple[bytes, bytes]]) -> bool:
    """Neither encoded nor Arrow."""
    for name, value in headers:
        if name == b"content-encoding":
            return False
        if name == b"content-type" and value != JSON and is_arrow(value.decode("latin-1")):
            return False
    return True


def _traceparent(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    return next((value for name, value in headers if name == b"traceparent"), None)


def _messages(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[Message, Message]:
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


def _failed(response: Response) -> tuple[Message, Message]:
    return _messages(response.status_code, response.raw_headers, bytes(response.body))


def _again(first: Message, receive: Receive) -> Receive:
    """`receive` as if `first` had not been taken."""
    waiting: list[Message] = [first]

    async def replay() -> Any:
        return waiting.pop() if waiting else await receive()

    return replay
