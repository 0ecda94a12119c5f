"""The trace of a push: a span of the whole, and of each record that is sampled one in which it was sent.

A record's header names the span in which it was sent, so that what becomes of it hangs below. Each sampled record has
a trace of its own, linked to the push: one trace for a file of a million rows would hide each of them, and whether it
is sampled would decide for all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import random
from typing import TYPE_CHECKING, Any, Protocol

from tidemill.kafka.headers import TRACEPARENT, Headers
from tidemill.telemetry.traceparent import format_traceparent, new_traceparent, unsampled_traceparent
from tidemill_operations.push.sending import TooLarge

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span

    from tidemill.settings import CommonSettings

AT_ONCE = 1_000
"""Spans that are ended before they are written out: OpenTelemetry's queue holds 2,048 and drops what is more."""


class Tracing(Protocol):
    """Gives the headers of records that are sent together; the block is left when they are stored."""

    def sending(self, count: int) -> AbstractContextManager[list[Headers]]: ...


class Unkept:
    """Nobody keeps this process's spans: contexts alone go with the records, sampled by `ratio`."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio

    @contextmanager
    def sending(self, count: int) -> Iterator[list[Headers]]:
        """See `Tracing`."""
        yield [[(TRACEPARENT, new_traceparent(self._ratio))] for _ in range(count)]


class Kept:
    """Spans of one push to `topic`, by OpenTelemetry."""

    def __init__(self, provider: Any, push: Span, topic: str, ratio: float) -> None:
        from opentelemetry.trace import Link

        self._provider, self._tracer = provider, provider.get_tracer("tidemill")
        self._links = [Link(push.get_span_context())]
        self._topic, self._ratio = topic, ratio

    @contextmanager
    def sending(self, count: int) -> Iterator[list[Headers]]:
        """See `Tracing`."""
        from tidemill.telemetry.spans import failed

        spans = {place: self._send() for place in range(count) if random() < self._ratio}
        try:
            yield [[(TRACEPARENT, _context(spans[n]) if n in spans else unsampled_traceparent())] for n in range(count)]
        except TooLarge:
            raise  # the others are stored, and it is sent once more by itself
        except BaseException as error:
            for span in spans.values():
                failed(span, error)
            raise
        finally:
            self._end(list(spans.values()))

    def _send(self) -> Span:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind

        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "send",
            "messaging.destination.name": self._topic,
        }
        name = f"send {self._topic}"
        span: Span = self._tracer.start_span(name, Context(), SpanKind.PRODUCER, attributes, self._links)
        return span

    def _end(self, spans: list[Span]) -> None:
        for first in range(0, len(spans), AT_ONCE):
            for span in spans[first : first + AT_ONCE]:
                span.end()
            self._provider.force_flush()


@contextmanager
def tracing_of(settings: CommonSettings, name: str, topic: str) -> Iterator[Tracing]:
    """The trace of the push of the file `name`, as the settings want it. Spans are written out by the end."""
    if settings.spans_dir is None and not settings.otlp_endpoint:
        yield Unkept(settings.trace_ratio)
        return
    from tidemill.telemetry.spans import span_of
    from tidemill.telemetry.tracing import tracer_provider

    # which records are sampled is decided here, and each span that is made is of one
    provider = tracer_provider("push", settings.model_copy(update={"trace_ratio": 1.0}))
    attributes = {"messaging.system": "kafka", "messaging.destination.name": topic, "file.name": name}
    try:
        with span_of(provider.get_tracer("tidemill"), f"push {topic}", attributes=dict(attributes)) as span:
            yield Kept(provider, span, topic, settings.trace_ratio)
    finally:
        provider.shutdown()


def _context(span: Span) -> bytes:
    context = span.get_span_context()
    return format_traceparent(context.trace_id, context.span_id, context.trace_flags.sampled)
