"""OpenTelemetry tracing: sampled at the head, exported over OTLP/HTTP or into a local folder.

Spans of batches follow the messaging conventions (OpenTelemetry semantic conventions, "Messaging spans"):
one `process <topic>` span of kind CONSUMER, linked to the contexts of the sampled producers. A batch in
which nothing is sampled costs one look at its headers and makes no span.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanKind,
    Tracer,
    TraceState,
)
from opentelemetry.util.types import Attributes, AttributeValue

from tidemill.kafka.batch import Batch
from tidemill.kafka.headers import TRACEPARENT, Headers, find
from tidemill.settings import CommonSettings
from tidemill.telemetry.kept import KEPT
from tidemill.telemetry.span_file import SpanFileExporter
from tidemill.telemetry.spans import MAX_LINKS, linked_span, remote
from tidemill.telemetry.traceparent import (
    format_traceparent,
    new_traceparent,
    parse_traceparent,
    sampled_parents,
)

__all__ = [
    "batch_span",
    "configure_tracing",
    "context_of",
    "current_traceparent",
    "new_traceparent",
    "shutdown_tracing",
    "tracer_provider",
]

MAX_SAMPLED = 10_000
"""Sampled records of a batch that its span is linked to; a batch of which more are sampled is not traced whole."""


class LinkSampler(Sampler):
    """Samples a root span that is linked to a sampled context, or that is to be kept (`KEPT`); decides all others as
    `base` does.
    """

    def __init__(self, base: Sampler) -> None:
        self._base = base

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """See `Sampler`."""
        linked = links and any(link.context.trace_flags.sampled for link in links)
        if linked or (attributes and KEPT in attributes):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state)
        return self._base.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """See `Sampler`."""
        return f"LinkSampler({self._base.get_description()})"


def configure_tracing(service: str, settings: CommonSettings) -> Tracer:
    """Set up tracing of this process and return its tracer; call it once, at the start of the process."""
    provider = tracer_provider(service, settings)
    trace.set_tracer_provider(provider)
    return provider.get_tracer("tidemill")


def tracer_provider(service: str, settings: CommonSettings) -> TracerProvider:
    """Tracing by the settings, not yet the process's own.

    Exports to `otlp_endpoint` where one is set, and to `spans_dir` where that is; else spans are made (so
    that ids are in logs and headers) but kept nowhere.
    """
    provider = TracerProvider(
        sampler=ParentBased(LinkSampler(TraceIdRatioBased(settings.trace_ratio))),
        resource=Resource.create({"service.name": service}),
        span_limits=SpanLimits(max_links=MAX_LINKS),
        shutdown_on_exit=True,
    )
    for exporter in _exporters(service, settings):
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def shutdown_tracing() -> None:
    """Write out what is buffered; for processes that end without Python's exit handlers."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


@contextmanager
def batch_span(tracer: Tracer, batches: Sequence[Batch], group: str | None = None) -> Iterator[Span]:
    """The span of processing `batches`, current within the block; not recording where no producer was sampled.

    An exception that leaves the block is noted, without its message, and passed on.
    """
    parents = sampled_parents(chain.from_iterable(batch.headers for batch in batches), MAX_SAMPLED)
    if not parents:
        yield INVALID_SPAN
        return
    name = f"process {' '.join(batch.topic for batch in batches)}"
    links = [Link(remote(trace_id, span_id)) for trace_id, span_id in parents]
    with linked_span(tracer, name, links, kind=SpanKind.CONSUMER, attributes=_attributes(batches, group)) as span:
        yield span


def current_traceparent() -> bytes | None:
    """The header value of the span that is current, to hand on; None where there is none."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return format_traceparent(context.trace_id, context.span_id, context.trace_flags.sampled)


def context_of(headers: Headers | None) -> Context | None:
    """The producer's context in a record's headers, as parent for spans about that one record; None without
    one.
    """
    parsed = parse_traceparent(find(headers, TRACEPARENT))
    if parsed is None:
        return None
    trace_id, span_id, sampled = parsed
    return trace.set_span_in_context(NonRecordingSpan(remote(trace_id, span_id, sampled)))


def _exporters(service: str, settings: CommonSettings) -> Iterator[SpanExporter]:
    if settings.spans_dir is not None:
        yield SpanFileExporter(settings.spans_dir, service)
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        yield OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")


def _attributes(batches: Sequence[Batch], group: str | None) -> dict[str, AttributeValue]:
    count = sum(len(batch) for batch in batches)
    attributes: dict[str, AttributeValue] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": count,
    }
    if group is not None:
        attributes["messaging.consumer.group.name"] = group
    if len(batches) == 1:
        batch = batches[0]
        attributes["messaging.destination.name"] = batch.topic
        if len(set(batch.partitions)) == 1:
            attributes["messaging.destination.partition.id"] = str(batch.partitions[0])
            attributes["messaging.kafka.offset"] = batch.offsets[0]
    return attributes
