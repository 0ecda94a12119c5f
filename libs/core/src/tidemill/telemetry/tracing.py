"""Skeleton of tracing: signatures are final, the body follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opentelemetry.trace import NonRecordingSpan, INVALID_SPAN_CONTEXT, Span, Tracer, get_tracer

from tidemill.kafka.batch import Batch
from tidemill.settings import CommonSettings
from tidemill.telemetry.traceparent import new_traceparent

__all__ = ["batch_span", "configure_tracing", "new_traceparent", "shutdown_tracing"]


def configure_tracing(service: str, settings: CommonSettings) -> Tracer:
    """Set up this process's tracer by its settings."""
    return get_tracer(service)


def shutdown_tracing() -> None:
    """Write out what is buffered."""


@contextmanager
def batch_span(tracer: Tracer, batches: Iterable[Batch], group: str | None = None) -> Iterator[Span]:
    """One ``process <topic>`` span for a batch, linked to the sampled producers."""
    yield NonRecordingSpan(INVALID_SPAN_CONTEXT)
