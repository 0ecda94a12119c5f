"""The common request, answered without the framework: a few JSON instances for our own protocol.

FastAPI's routing, its request and response objects and a task for each request cost several times the prediction. So
a request that is plain goes from the parser through the same gate, checks, scoring and log, and its answer has the same
bytes. What is not plain is not taken, and the application answers it.

Nothing here knows the server: `uvicorn_protocol.py` brings requests and takes answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from fastapi import Response
from opentelemetry.trace import Span

from tidemill.access import Scope
from tidemill.access.authorizer import NOBODY, Client, Gate, Refusal
from tidemill.access.log.lines import AccessLog, Answer
from tidemill.access.middleware import credential_of, refused
from tidemill.telemetry.kept import answered
from tidemill.telemetry.recorded import trace_id_of
from tidemill.web.content import JSON
from tidemill.web.instrument import REQUEST_ID, request_id_of
from tidemill.web.metrics import requested
from tidemill.web.visitors import Visitors
from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.rest.body import parse_instances
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.rest.fast_path.stages import Stages, TimedRequests
from tidemill_inference.rest.handler import Predicting, headers_of
from tidemill_inference.rest.problems import (
    REFUSALS,
    Problem,
    defect_response,
    problem_response,
    refusal,
    render_refusal,
)
from tidemill_inference.rest.protocols.v1 import PREDICT, content_of
from tidemill_inference.rest.scheduling.micro_batcher import Part
from tidemill_inference.rest.tracing import note_version, span_name, traceparent_of

MOST_BYTES = 65_536
"""Larger bodies are the application's."""
JSON_TYPE = JSON.encode()

Headers: TypeAlias = list[tuple[bytes, bytes]]
Named: TypeAlias = dict[bytes, bytes]
Reply: TypeAlias = Callable[[int, bytes, bytes], None]
"""Takes status, header lines (each with its end) and body."""

_NOT_PLAIN = frozenset({b"content-encoding", b"transfer-encoding", b"origin", b"expect", b"upgrade", b"sec-fetch-site"})
"""A body in chunks may be of any size, and uvicorn stops reading one that nobody takes from it."""


@dataclass(slots=True)
class _Call:
    """One request on its way. `held`: its models, so that none of them is let go before it is answered."""

    endpoint: ModelEndpoint
    path: str
    instances: list[Any]
    batch: bool
    reply: Reply
    started: float
    held: tuple[object, ...]
    request_id: str = ""
    credential: str | None = None
    client: Client = NOBODY
    traceparent: bytes | None = None
    onward: bytes = b""
    span: Span | None = None
    stages: Stages | None = None
    caller: str | None = None
    refused: str | None = None
    bytes_in: int = 0
    access_log: AccessLog | None = None


class LeanRoute:
    """Answers what is plain. On the event loop alone."""

    def __init__(
        self,
        predicting: Predicting,
        gate: Gate | None,
        visitors: Visitors | None = None,
        access_log: AccessLog | None = None,
    ) -> None:
        """`gate`: who is let in; None where access is off. `visitors`: by which names; None for any. `access_log`: None
        where nobody asks for one.
        """
        self._access_log = access_log
        self._predicting = predicting
        self._visitors = visitors
        self._gate = gate
        self._targets: Mapping[bytes, tuple[ModelEndpoint, frozenset[str]]] = {}
        self.renew()
        self._limit = min(MOST_BYTES, predicting.limits.body_bytes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timed = TimedRequests()

    def renew(self) -> None:
        """Look again which endpoints there are."""
        self._targets = {
            PREDICT.format(model=model).encode(): (endpoint, frozenset(endpoint.record.field_names))
            for model, endpoint in self._predicting.endpoints.items()
        }

    def takes(self, target: bytes, headers: Headers) -> Named | None:
        """The headers of a POST to `target` (their names in lower case) that may be for this way: its body decides.
        None for one that is not.
        """
        if target not in self._targets:
            return None
        named = dict(headers)
        if len(named) != len(headers) or not _NOT_PLAIN.isdisjoint(named):
            return None
        if self._visitors is not None and not self._visitors.knows_host(named.get(b"host", b"")):
            return None
        if named.get(b"content-type") != JSON_TYPE or int(named.get(b"content-length", 0)) > self._limit:
            return None
        return named

    def begin(self, target: bytes, named: Named, body: bytes, reply: Reply, client: Client = NOBODY) -> bool:
        """Answer a request that `takes` has admitted, now or soon, by one call of `reply`; False where it is not for
        this way after all, and nothing has been done.
        """
        endpoint, fields = self._targets[target]
        stages = self._timed.begin()
        try:
            instances, batch = parse_instances(body, self._predicting.limits.instances, fields)
        except Problem:
            return False  # after the gate, the application says what is wrong
        if len(body) > self._limit or not self._predicting.batches(endpoint, len(instances)):
            return False
        serving = endpoint.predictor.serving
        held = serving.hold() if serving is not None else ()
        if held is None:
            return False  # a model must be loaded first: not on the event loop
        call = _Call(endpoint, target.decode(), instances, batch, reply, time.perf_counter(), held)
        call.credential = credential_of(named.items())
        call.client = client
        call.traceparent = named.get(b"traceparent")
        call.request_id = request_id_of(named.get(REQUEST_ID)).decode()
        call.bytes_in, call.access_log = len(body), self._access_log
        if stages is not None:
            call.stages = stages
            stages.ended("parse")
        self._admit(call)
        return True

    def _admit(self, call: _Call) -> None:
        if self._gate is None:
            self._predict(call)
            return
        try:
            caller = self._gate.admit_at_once(call.credential, Scope.PREDICT, call.client, call.endpoint.spec.name)
        except Refusal as refusal:
            self._refuse(call, refusal)
            return
        except Exception as error:  # noqa: BLE001 - of whatever kind: the log has it
            self._fail(call, error)
            return
        if caller is not None:
            call.caller = caller.name
            self._predict(call)
            return
        task = asyncio.get_running_loop().create_task(self._admit_later(call, self._gate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _admit_later(self, call: _Call, gate: Gate) -> None:
        try:
            caller = await gate.admit(call.credential, Scope.PREDICT, call.client, call.endpoint.spec.name)
        except Refusal as refusal:
            self._refuse(call, refusal)
        except Exception as error:  # noqa: BLE001 - of whatever kind: the log has it
            self._fail(call, error)
        else:
            call.caller = caller.name
            self._predict(call)

    def _predict(self, call: _Call) -> None:
        endpoint, predicting = call.endpoint, self._predicting
        if call.stages is not None:
            call.stages.ended("admit")
        try:
            endpoint.predictor.current()
            checked = endpoint.check(call.instances)
        except Exception as error:  # noqa: BLE001 - a problem of the request, or a defect that the log has
            self._fail(call, error)
            return
        if call.stages is not None:
            call.stages.ended("check")
        onward = predicting.spans.unrecorded(call.traceparent)
        if onward is None:
            call.span = predicting.spans.start(span_name(endpoint.spec.name), call.traceparent)
            onward = traceparent_of(call.span)
        call.onward = onward
        context = RequestContext(onward, call.caller)
        predicting.batcher(endpoint).join(checked, context, lambda found: self._done(call, found))

    def _done(self, call: _Call, found: Part | Exception) -> None:
        try:
            if isinstance(found, Exception):
                self._fail(call, found)
            else:
                _answer(call, found)
        except Exception as error:  # noqa: BLE001 - of whatever kind: others wait behind this one
            self._fail(call, error)

    def _refuse(self, call: _Call, refusal: Refusal) -> None:
        self._keep(call)
        call.caller, call.refused = refusal.caller, refusal.error
        headers, content = refused(refusal, render_refusal(call.path, refusal))
        _send(call, refusal.status, headers, content)

    def _fail(self, call: _Call, error: Exception) -> None:
        self._keep(call)
        if isinstance(error, REFUSALS):
            problem = refusal(error, self._predicting.limits.retry_after_s)
            _finish(call, problem_response(call.path, problem))
        else:
            _finish(call, defect_response(call.path, call.request_id, error))

    def _keep(self, call: _Call) -> None:
        if call.span is None:
            name, seconds = span_name(call.endpoint.spec.name), time.perf_counter() - call.started
            call.span = self._predicting.spans.keep(name, call.traceparent, seconds, call.request_id)


def _answer(call: _Call, part: Part) -> None:
    predictions = part.answered.predictions
    if call.stages is not None:
        call.stages.ended("score")
    if call.span is not None:
        note_version(call.span, predictions)
    content = orjson.dumps(content_of(part.answered.answers_of(part.start, part.stop), call.batch))
    headers = headers_of(predictions, call.onward)
    headers["content-length"] = str(len(content))
    headers["content-type"] = JSON
    _send(call, 200, headers, content)
    if call.stages is not None:
        call.stages.ended("write")


def _finish(call: _Call, response: Response) -> None:
    """Anything but an answer."""
    _send(call, response.status_code, response.headers, bytes(response.body))


def _send(call: _Call, status: int, headers: Mapping[str, str], content: bytes) -> None:
    trace_id = None
    if call.span is not None:
        answered(call.span, status)
        trace_id = trace_id_of(call.span)
        call.span.end()
        call.span = None
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    lines.append(f"x-request-id: {call.request_id}\r\n")
    seconds = time.perf_counter() - call.started
    requested("POST", PREDICT, status, seconds, trace_id)
    call.reply(status, "".join(lines).encode("latin-1", "replace"), content)
    if call.access_log is not None:
        call.access_log.put(_answer_of(call, status, seconds, len(content), trace_id))


def _answer_of(call: _Call, status: int, seconds: float, bytes_out: int, trace_id: str | None) -> Answer:
    return Answer(
        at_s=time.time() - seconds,
        seconds=seconds,
        request_id=call.request_id,
        method="POST",
        path=PREDICT,
        model=call.endpoint.spec.name,
        status=status,
        bytes_in=call.bytes_in,
        bytes_out=bytes_out,
        caller=call.caller,
        refused=call.refused,
        client=call.client,
        traceparent=call.onward or call.traceparent,
        trace_id=trace_id,
    )
