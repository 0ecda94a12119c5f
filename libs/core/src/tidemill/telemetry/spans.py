"""Spans that say that something failed, and where, and never with what value.

An exception's message and the text of a stack may quote what a person had sent (a field of a refused request, say).
OpenTelemetry records both by default; here a failed span has the exception's class and the place in the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    use_span,
)
from opentelemetry.util.types import AttributeValue

from tidemill.telemetry.recorded import note_recorded
from tidemill.telemetry.traceparent import parse_traceparent

__all__ = ["MAX_LINKS", "failed", "linked_span", "links_of", "remote", "span_of"]

MAX_LINKS = 128
"""OpenTelemetry's default limit of links per span."""


@contextmanager
def span_of(
    tracer: Tracer, name: str, *, context: Context | None = None, kind: SpanKind = SpanKind.INTERNAL,
    links: Sequence[Link] = (), attributes: dict[str, AttributeValue] | None = None,
) -> Iterator[Span]:  # fmt: skip
    """A span that is current within the block. An exception that leaves the block is noted (`failed`) and passed on."""
    span = tracer.start_span(name, context, kind, attributes, links)
    note_recorded(span)
    try:
        with use_span(span, record_exception=False, set_status_on_exception=False):
            yield span
    except BaseException as error:
        failed(span, error)
        raise
    finally:
        span.end()


@contextmanager
def linked_span(
    tracer: Tracer, name: str, links: Sequence[Link], *, kind: SpanKind = SpanKind.INTERNAL,
    attributes: dict[str, AttributeValue] | None = None,
) -> Iterator[Span]:  # fmt: skip
    """A root span, linked to all of `links`: those beyond `MAX_LINKS` are on children of it, of the same name."""
    with span_of(tracer, name, context=Context(), kind=kind, links=links[:MAX_LINKS], attributes=attributes) as span:
        for start in range(MAX_LINKS, len(links), MAX_LINKS):
            more = {"tidemill.links.from": start}
            tracer.start_span(name, None, kind, more, links[start : start + MAX_LINKS]).end()
        yield span


def failed(span: Span, error: BaseException) -> None:
    """Note on a span that this ended it: its class, and the place where it was raised."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    span.add_event("exception", {"exception.type": kind, "code.stacktrace": _place(error)})
    span.set_status(Status(StatusCode.ERROR, kind))


def links_of(traceparents: Sequence[bytes], limit: int | None = None) -> list[Link]:
    """Links to the contexts of these header values; what is no context is left out."""
    parsed = (parse_traceparent(value) for value in traceparents)
    found = (Link(remote(one[0], one[1])) for one in parsed if one is not None)
    return list(islice(found, limit))


def remote(trace_id: int, span_id: int, sampled: bool = True) -> SpanContext:
    """The context of a span of another process."""
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)


def _place(error: BaseException) -> str:
    """Files, lines and functions from the outermost frame in, without text."""
    frames, at = [], error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        frames.append(f"{code.co_filename}:{at.tb_lineno} in {code.co_name}")
        at = at.tb_next
    return "\n".join(frames[-20:])
