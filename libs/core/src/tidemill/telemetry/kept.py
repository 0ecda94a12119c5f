"""Spans that are recorded whatever was decided at the head: of requests that failed or were refused, made afterwards,
and of what changes which version serves.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from tidemill.telemetry.spans import remote
from tidemill.telemetry.traceparent import parse_traceparent

__all__ = ["KEPT", "MOST_A_SECOND", "KeptSpans", "answered", "kept_context"]

KEPT = "tidemill.kept"
"""The attribute that has a root recorded (`LinkSampler`), and its trace kept: `request`, `release` or `swap`."""
MOST_A_SECOND = 100
"""Requests of a process that get a span afterwards. One costs 25 us: a storm of refusals costs 0.3 % of a core."""


def kept_context(traceparent: bytes | None) -> Context:
    """The context in which a span is recorded: the caller's, taken as sampled; an empty one without it, where the
    attribute `KEPT` decides.
    """
    parsed = parse_traceparent(traceparent)
    if parsed is None:
        return Context()
    return set_span_in_context(NonRecordingSpan(remote(parsed[0], parsed[1])), Context())


def answered(span: Span, status: int) -> None:
    """Note on a request's span how it was answered; 500 and above is an error of ours."""
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


class KeptSpans:
    """Begins spans of requests that have failed or been refused, at most `MOST_A_SECOND` in a second.

    `left_out` is called for each beyond that. Of one thread alone.
    """

    def __init__(
        self, tracer: Tracer, left_out: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._tracer = tracer
        self._left_out = left_out
        self._clock = clock
        self._second, self._made = -1, 0

    def begin(
        self, name: str, traceparent: bytes | None, seconds: float, attributes: dict[str, AttributeValue]
    ) -> Span | None:
        """The span of a request that began so many seconds ago, in the trace that it came with; whoever asks ends it.
        None where there were too many in this second.
        """
        second = int(self._clock())
        if second != self._second:
            self._second, self._made = second, 0
        if self._made >= MOST_A_SECOND:
            self._left_out()
            return None
        self._made += 1
        began = time.time_ns() - round(seconds * 1e9)
        about = {KEPT: "request", **attributes}
        return self._tracer.start_span(name, kept_context(traceparent), SpanKind.SERVER, about, start_time=began)
