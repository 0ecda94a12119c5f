"""One span for a request, as a child of the caller's where it sent a context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    set_span_in_context,
    use_span,
)

from tidemill.telemetry.traceparent import format_traceparent, new_traceparent, parse_traceparent


@contextmanager
def request_span(tracer: Tracer, name: str, traceparent: str | None) -> Iterator[bytes]:
    """Run a block in a SERVER span; gives the traceparent that goes on from here.

    Whether it is recorded is the caller's decision where it sent a valid context, else the sampler's.
    """
    span = tracer.start_span(name, context=_parent(traceparent), kind=SpanKind.SERVER)
    context = span.get_span_context()
    with use_span(span, end_on_exit=True):
        if context.is_valid:
            yield format_traceparent(context.trace_id, context.span_id, context.trace_flags.sampled)
        else:
            yield new_traceparent(0.0)


def _parent(traceparent: str | None) -> Context:
    parsed = parse_traceparent(traceparent.encode("latin-1", "replace")) if traceparent else None
    if parsed is None:
        return Context()
    trace_id, span_id, sampled = parsed
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    remote = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(remote), Context())
