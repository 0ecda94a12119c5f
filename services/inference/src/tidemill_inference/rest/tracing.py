"""One span for a request, as a child of the caller's where it sent a context."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer

from tidemill.kafka.headers import TRACEPARENT
from tidemill.telemetry.kept import KeptSpans
from tidemill.telemetry.spans import span_of
from tidemill.telemetry.traceparent import format_traceparent, parse_traceparent, unsampled_traceparent
from tidemill.telemetry.tracing import context_of, current_traceparent
from tidemill.web.metrics import SPANS_LEFT_OUT
from tidemill_inference.serving.serving import Predictions


class RequestSpans:
    """Spans of requests. Whether one is recorded is the caller's decision where it sent a valid context, else that of
    `ratio`: it is made here, at the head, so that a request which is not recorded costs no span.
    """

    def __init__(self, tracer: Tracer, ratio: float = 1.0) -> None:
        """`tracer`: records every root that it is asked for. `ratio`: share of requests without a context that are
        recorded.
        """
        self._tracer = tracer
        self._ratio = ratio
        self._kept = KeptSpans(tracer, SPANS_LEFT_OUT.inc)

    def unrecorded(self, header: bytes | None) -> bytes | None:
        """The traceparent that goes on from a request that is not recorded; None for one that is to be."""
        parent = parse_traceparent(header)
        if parent is None:
            return None if random.random() < self._ratio else unsampled_traceparent()
        trace_id, _, sampled = parent
        return None if sampled else format_traceparent(trace_id, random.getrandbits(64) or 1, False)

    def start(self, name: str, header: bytes | None) -> Span:
        """A SERVER span that is not current: who asked ends it."""
        parent = context_of([(TRACEPARENT, header)]) or Context()
        return self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER)

    def keep(self, name: str, header: bytes | None, seconds: float, request_id: str) -> Span | None:
        """The span of a request that failed or was refused, and that began so many seconds ago: who asked ends it. None
        where there are too many.
        """
        return self._kept.begin(name, header, seconds, {"tidemill.request_id": request_id})

    @contextmanager
    def span(self, name: str, header: bytes | None) -> Iterator[bytes]:
        """Run a block in a SERVER span; gives the traceparent that goes on from here."""
        parent = context_of([(TRACEPARENT, header)]) or Context()
        with span_of(self._tracer, name, context=parent, kind=SpanKind.SERVER):
            yield current_traceparent() or unsampled_traceparent()


def span_name(model: str) -> str:
    """What the span of a prediction is called."""
    return f"predict {model}"


def note_version(span: Span, predictions: Predictions) -> str:
    """Put the version that answers on a span; gives it as MODEL:VERSION."""
    version = f"{predictions.serving.event.model}:{predictions.version_name}"
    span.set_attribute("tidemill.model_version", version)
    return version


def traceparent_of(span: Span) -> bytes:
    """The header value that goes on from a span."""
    context = span.get_span_context()
    if not context.is_valid:
        return unsampled_traceparent()
    return format_traceparent(context.trace_id, context.span_id, context.trace_flags.sampled)
