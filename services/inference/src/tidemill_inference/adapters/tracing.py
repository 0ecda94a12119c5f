"""One span for a request, as a child of the caller's where it sent a context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer

from tidemill.kafka.headers import TRACEPARENT
from tidemill.telemetry.tracing import context_of, current_traceparent, new_traceparent


@contextmanager
def request_span(tracer: Tracer, name: str, traceparent: str | None) -> Iterator[bytes]:
    """Run a block in a SERVER span; gives the traceparent that goes on from here.

    Whether it is recorded is the caller's decision where it sent a valid context, else the sampler's.
    """
    header = traceparent.encode("latin-1", "replace") if traceparent else None
    parent = context_of([(TRACEPARENT, header)]) or Context()
    with tracer.start_as_current_span(name, context=parent, kind=SpanKind.SERVER):
        yield current_traceparent() or new_traceparent(0.0)
