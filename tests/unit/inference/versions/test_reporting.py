"""A swap stands in the trace of the release that it follows; a refusal says no value."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.unit.learning.drift.streams import published
from tidemill.artifact import Reason
from tidemill.settings import CommonSettings
from tidemill.telemetry.of_versions import VERSIONS_TOLD
from tidemill.telemetry.traceparent import format_traceparent
from tidemill.telemetry.tracing import tracer_provider
from tidemill.web.metrics import exposition
from tidemill_inference import metrics
from tidemill_inference.rest.request_checks import InstanceError, InvalidInstances
from tidemill_inference.rest.tracing import RequestSpans
from tidemill_inference.serving.serving import Swap
from tidemill_inference.versions import reporting
from tidemill_inference.versions.offers import Offer, Outcome, Step

RELEASE = format_traceparent(0xA, 0xB, True)
SWAPPED = 'tidemill_model_swap_seconds_bucket{le="0.1",model="traced"}'


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(reporting, "get_tracer", provider.get_tracer)
    return exporter


def test_a_swap_is_a_span_from_the_release_to_serving(spans: InMemorySpanExporter) -> None:
    offer = Offer(published(version=3, epoch=4), 1_700_000_000_000, True, RELEASE)
    reporting.tell("m", Step(Outcome.SWITCHED, offer, Swap(2, 3, 4, 0, 54)), {})
    (span,) = spans.get_finished_spans()
    assert span.parent is not None and (span.parent.trace_id, span.parent.span_id) == (0xA, 0xB)
    assert span.start_time == 1_700_000_000_000 * 1_000_000
    assert (span.attributes or {})["tidemill.model_version"] == "m:3"


def test_of_many_swaps_predictions_are_told_of_the_newest_versions_alone_and_counted_on_after_a_rollback() -> None:
    def told() -> dict[int, float]:
        (family,) = metrics.PREDICTIONS.collect()
        mine = [one for one in family.samples if one.labels["model"] == "m" and one.name.endswith("_total")]
        return {int(one.labels["version"]): one.value for one in mine}

    def swap(version: int, epoch: int) -> None:
        offer = Offer(published(version=version, epoch=epoch), 0, True)
        reporting.tell("m", Step(Outcome.SWITCHED, offer, Swap(None, version, epoch, 0, None)), {})
        metrics.of_version("m", version, "stream")[1](5)

    for version in range(1, 31):
        swap(version, version)
    assert sorted(told()) == list(range(31 - VERSIONS_TOLD, 31))
    swap(1, 31)
    assert told()[1] == 5 and len(told()) == VERSIONS_TOLD


def test_a_refusal_is_a_failed_span_without_what_the_error_says(spans: InMemorySpanExporter) -> None:
    offer = Offer(published(version=3, epoch=4), 0, True, RELEASE)
    error = ValueError("golden row 7: Jane Roe")
    reporting.tell("m", Step(Outcome.REFUSED, offer, error=error), {4: Reason.OTHER})
    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok and "Jane" not in span.to_json()


def test_a_swap_from_outside_any_trace_has_one_of_its_own_and_what_is_loaded_at_the_start_has_none(
    spans: InMemorySpanExporter,
) -> None:
    reporting.tell("m", Step(Outcome.SWITCHED, Offer(published(), 0, False), Swap(None, 1, 1, 0, None)), {})
    assert spans.get_finished_spans() == ()
    reporting.tell("m", Step(Outcome.SWITCHED, Offer(published(), 0, True), Swap(None, 1, 1, 0, None)), {})
    (span,) = spans.get_finished_spans()
    assert span.parent is None


def test_a_swap_is_recorded_though_its_release_was_not_and_its_time_leads_to_its_trace(
    monkeypatch: pytest.MonkeyPatch, spans: InMemorySpanExporter
) -> None:
    provider = tracer_provider("inference", CommonSettings(trace_ratio=0))
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(reporting, "get_tracer", provider.get_tracer)
    for given, trace_id in ((format_traceparent(0xA, 0xB, False), 0xA), (None, None)):
        offer = Offer(published(version=3, epoch=4), 1_700_000_000_000, True, given)
        reporting.tell("traced", Step(Outcome.SWITCHED, offer, Swap(2, 3, 4, 0, 54)), {})
        span = spans.get_finished_spans()[-1]
        assert span.context is not None and trace_id in (None, span.context.trace_id)
        text, _ = exposition("application/openmetrics-text")
        (line,) = [one for one in text.decode().splitlines() if one.startswith(SWAPPED)]
        assert f'trace_id="{span.context.trace_id:032x}"' in line


def test_the_span_of_a_refused_request_does_not_hold_what_was_sent() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    requests = RequestSpans(provider.get_tracer("t"))
    wrong = InvalidInstances([InstanceError(0, "who", "'Jane Roe' is too long", "expect_column_value_lengths")])
    with pytest.raises(InvalidInstances), requests.span("predict m", RELEASE):
        raise wrong
    (span,) = exporter.get_finished_spans()
    assert not span.status.is_ok and "Jane" not in span.to_json()
