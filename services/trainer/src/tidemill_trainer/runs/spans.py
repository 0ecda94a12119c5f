"""A run's own trace: begun by the request, continued by the training and by the release."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from opentelemetry.trace import Span, Tracer
from opentelemetry.util.types import AttributeValue

from tidemill.kafka.headers import TRACEPARENT, Headers, find
from tidemill.telemetry.kept import KEPT, kept_context
from tidemill.telemetry.spans import span_of
from tidemill.telemetry.tracing import context_of, current_traceparent
from tidemill_trainer.runs.store import Claim


@contextmanager
def run_span(tracer: Tracer, claim: Claim) -> Iterator[tuple[Span, Claim]]:
    """The span of one attempt at a run, as a child of the request's; and the claim, whose trace goes on from here."""
    attributes: dict[str, AttributeValue] = {
        "tidemill.model": claim.model, "tidemill.run_id": claim.run_id, "tidemill.cause": claim.cause,
        "tidemill.attempt": claim.attempt,
    }  # fmt: skip
    context = context_of([(TRACEPARENT, claim.traceparent.encode())])
    with span_of(tracer, f"train {claim.model}", context=context, attributes=attributes) as span:
        onward = current_traceparent()
        yield span, replace(claim, traceparent=onward.decode()) if onward is not None else claim


@contextmanager
def release_span(tracer: Tracer, model: str, headers: Headers | None) -> Iterator[Headers]:
    """The span of one release, recorded whatever the run's is; gives the headers that continue its trace on what is
    published.
    """
    about: dict[str, AttributeValue] = {"tidemill.model": model, KEPT: "release"}
    with span_of(tracer, f"release {model}", context=kept_context(find(headers, TRACEPARENT)), attributes=about):
        traceparent = current_traceparent()
        yield [(TRACEPARENT, traceparent)] if traceparent is not None else []
