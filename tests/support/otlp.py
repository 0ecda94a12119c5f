"""A collector of spans over OTLP/HTTP, in a thread of the test."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Context = tuple[int, int]
"""Trace id and span id."""


@dataclass(frozen=True, slots=True)
class SpanSeen:
    """A span as a collector has it."""

    name: str
    service: str
    context: Context
    parent: Context | None
    links: tuple[Context, ...]
    facts: dict[str, str]
    events: tuple[dict[str, str], ...]

    @property
    def causes(self) -> list[Context]:
        """The contexts that it follows from: its parent and its links."""
        return [*([self.parent] if self.parent else []), *self.links]


class Received:
    """Spans, and how they connect."""

    def __init__(self, spans: list[SpanSeen]) -> None:
        self.spans = spans
        self._by_context = {span.context: span for span in spans}
        self._children: dict[Context, list[SpanSeen]] = defaultdict(list)
        self._about: dict[int, list[SpanSeen]] = defaultdict(list)
        for span in spans:
            if span.parent:
                self._children[span.parent].append(span)
            for trace_id in {span.context[0], *(cause[0] for cause in span.causes)}:
                self._about[trace_id].append(span)

    def way_back(self, span: SpanSeen) -> list[SpanSeen]:
        """The spans that it follows from, nearest first, by parents and links (its own, and those of the children that
        hold more of them)."""
        found, todo = {span.context: span}, [span]
        while todo:
            for cause in self._causes(todo.pop(0)):
                known = self._by_context.get(cause)
                if known is not None and cause not in found:
                    found[cause] = known
                    todo.append(known)
        return [*found.values()]

    def about(self, trace_id: int) -> list[SpanSeen]:
        """The spans of a trace, those that are linked to it, and those whose children of the same name are."""
        return self._about[trace_id]

    def linked_from(self, span: SpanSeen) -> set[Context]:
        """All contexts that a span is linked to."""
        return {*self._causes(span)}

    def _causes(self, span: SpanSeen) -> list[Context]:
        more = [link for child in self._children[span.context] if child.name == span.name for link in child.links]
        return [*span.causes, *more]


class Receiver:
    """Listens on a port of loopback: `url`."""

    def __init__(self) -> None:
        self._spans: list[SpanSeen] = []
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def received(self) -> Received:
        """What has come so far."""
        with self._lock:
            return Received([*self._spans])

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of one request."""
        found = [
            _seen(span, _facts(resource.resource.attributes).get("service.name", ""))
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += found


def _seen(span: Any, service: str) -> SpanSeen:
    trace_id = int.from_bytes(span.trace_id)
    return SpanSeen(
        name=span.name,
        service=service,
        context=(trace_id, int.from_bytes(span.span_id)),
        parent=(trace_id, int.from_bytes(span.parent_span_id)) if span.parent_span_id else None,
        links=tuple((int.from_bytes(link.trace_id), int.from_bytes(link.span_id)) for link in span.links),
        facts=_facts(span.attributes),
        events=tuple({"name": event.name, **_facts(event.attributes)} for event in span.events),
    )


def _facts(attributes: Any) -> dict[str, str]:
    return {one.key: str(getattr(one.value, one.value.WhichOneof("value") or "string_value")) for one in attributes}
