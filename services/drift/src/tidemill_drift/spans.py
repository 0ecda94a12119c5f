"""The spans of drift: a profile is linked to the records that it is made of, an outcome to the profiles.

Only what is sampled costs anything: a window without a sampled record has no span, and what follows from such windows
alone has none either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from opentelemetry.trace import Tracer
from opentelemetry.util.types import AttributeValue

from tidemill.contracts.events.profiles import Profile
from tidemill.kafka.headers import TRACEPARENT, Headers
from tidemill.telemetry.spans import linked_span, links_of, span_of
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill.telemetry.tracing import context_of, current_traceparent


def profile_headers(tracer: Tracer, profile: Profile, contexts: Sequence[bytes]) -> Headers | None:
    """Make the span of a profile, linked to the contexts of its records; gives the headers that go on from it."""
    links = links_of(contexts)
    if not links:
        return None
    source = profile.source or "stream"
    about: dict[str, AttributeValue] = {
        "tidemill.model": profile.model, "tidemill.profile_id": profile.profile_id,
        "tidemill.kind": profile.kind, "tidemill.source": source, "tidemill.records": profile.records,
    }  # fmt: skip
    with linked_span(tracer, f"profile {profile.model} {profile.kind}", links, attributes=about):
        return _onward()


@contextmanager
def judge_span(tracer: Tracer, model: str, traceparent: bytes | None) -> Iterator[None]:
    """The span of taking in one profile, as a child of its own, if that is sampled."""
    parsed = parse_traceparent(traceparent)
    if parsed is None or not parsed[2]:
        yield
        return
    with span_of(tracer, f"judge {model}", context=context_of([(TRACEPARENT, traceparent)])):
        yield


@contextmanager
def outcome_headers(tracer: Tracer, model: str, contexts: Sequence[bytes]) -> Iterator[Headers | None]:
    """The span of what was found, linked to the profiles that it rests on; gives the headers that go on from it."""
    links = links_of(contexts)
    with linked_span(tracer, f"detect {model}", links) if links else nullcontext():
        yield _onward() if links else None


def _onward() -> Headers | None:
    context = current_traceparent()
    return None if context is None else [(TRACEPARENT, context)]
