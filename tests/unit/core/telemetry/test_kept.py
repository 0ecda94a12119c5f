"""What failed or was refused has a span though nothing is sampled, and a storm of it costs no more than some."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from tidemill.settings import CommonSettings
from tidemill.telemetry.kept import MOST_A_SECOND, KeptSpans, answered
from tidemill.telemetry.recorded import exemplar, recording, trace_id_of
from tidemill.telemetry.spans import span_of
from tidemill.telemetry.traceparent import format_traceparent
from tidemill.telemetry.tracing import tracer_provider

TRACE = 0xABCDEF


@pytest.fixture
def tracing() -> Iterator[tuple[Tracer, InMemorySpanExporter]]:
    """Of a process that samples nothing."""
    exporter, provider = InMemorySpanExporter(), tracer_provider("t", CommonSettings(trace_ratio=0))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("t"), exporter
    provider.shutdown()


@pytest.mark.parametrize(
    ("given", "trace_id"), [(None, None), (b"?", None), (format_traceparent(TRACE, 1, False), TRACE)]
)
def test_a_refused_request_is_recorded_in_the_trace_that_it_came_with(
    tracing: tuple[Tracer, InMemorySpanExporter], given: bytes | None, trace_id: int | None
) -> None:
    tracer, exporter = tracing
    span = KeptSpans(tracer).begin("predict m", given, 2.0, {"tidemill.request_id": "r"})
    assert span is not None
    answered(span, 422)
    span.end()
    (found,) = exporter.get_finished_spans()
    assert found.context is not None and trace_id in (None, found.context.trace_id)
    assert (found.parent is None) == (trace_id is None)
    assert found.start_time is not None and found.end_time is not None and found.attributes is not None
    assert 2.0 <= (found.end_time - found.start_time) / 1e9 < 3.0
    assert (found.attributes["http.response.status_code"], found.status.is_unset) == (422, True)


def test_what_is_ours_to_mend_is_an_error(tracing: tuple[Tracer, InMemorySpanExporter]) -> None:
    tracer, exporter = tracing
    span = KeptSpans(tracer).begin("predict m", None, 0.0, {})
    assert span is not None
    answered(span, 503)
    span.end()
    assert not exporter.get_finished_spans()[0].status.is_ok


def test_a_storm_gets_so_many_spans_in_a_second_and_the_rest_is_counted(
    tracing: tuple[Tracer, InMemorySpanExporter],
) -> None:
    now, left_out = [1_000.0], []
    kept = KeptSpans(tracing[0], lambda: left_out.append(1), lambda: now[0])
    made = [kept.begin("predict m", None, 0.0, {}) for _ in range(MOST_A_SECOND + 5)]
    assert (made.count(None), len(left_out)) == (5, 5)
    now[0] += 1
    assert kept.begin("predict m", None, 0.0, {}) is not None


def test_only_a_trace_that_is_recorded_is_told_of(tracing: tuple[Tracer, InMemorySpanExporter]) -> None:
    sampled = tracer_provider("t", CommonSettings(trace_ratio=1)).get_tracer("t")
    with recording() as found, span_of(tracing[0], "send"):
        assert exemplar() is None
    assert found.trace_id is None
    with recording() as found, span_of(sampled, "send") as span:
        assert exemplar() == {"trace_id": trace_id_of(span)}
        with span_of(sampled, "within"):
            pass
    assert found.trace_id == f"{span.get_span_context().trace_id:032x}"
    with span_of(sampled, "of nobody"):
        pass
    assert found.trace_id == f"{span.get_span_context().trace_id:032x}"
