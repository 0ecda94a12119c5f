"""A run's own trace: begun by the request, continued by the training and by the release."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span, Tracer

from tidemill.kafka.headers import TRACEPARENT, Headers
from tidemill.telemetry.tracing import context_of, current_traceparent
from tidemill_trainer.runs import Claim


@contextmanager
def run_span(tracer: Tracer, claim: Claim) -> Iterator[Span]:
    """The span of one attempt at a run."""
    attributes: dict[str, str | int] = {
        "tidemill.model": claim.model, "tidemill.run_id": claim.run_id, "tidemill.cause": claim.cause,
        "tidemill.attempt": claim.attempt,
    }  # fmt: skip
    context = context_of([(TRACEPARENT, claim.traceparent.encode())])
    with tracer.start_as_current_span(f"train {claim.model}", context=context, attributes=attributes) as span:
        yield span


@contextmanager
def release_span(tracer: Tracer, model: str, headers: Headers | None) -> Iterator[Headers]:
    """The span of one release; gives the headers that continue its trace on what is published."""
    with tracer.start_as_current_span(f"release {model}", context=context_of(headers)) as span:
        span.set_attribute("tidemill.model", model)
        traceparent = current_traceparent()
        yield [(TRACEPARENT, traceparent)] if traceparent is not None else []
