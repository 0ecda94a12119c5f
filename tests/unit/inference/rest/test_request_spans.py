"""Spans of REST requests, over a socket: recorded as the ratio says, but those that are refused always; and a real
Prometheus leads from a latency to the trace of a request.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.polling import until
from tests.support.processes.monitoring import monitoring
from tests.unit.inference.rest_app import deployed, served, shipped_endpoints
from tidemill.settings import CommonSettings
from tidemill.telemetry.tracing import tracer_provider
from tidemill_inference.rest.tracing import RequestSpans

MODEL = "flight-delay"
PREDICT = f"/v1/models/{MODEL}/predict"
ROW = {
    "event_id": "2013-01-31-UA-1545-EWR", "scheduled_at": "2013-01-31T17:05:00Z", "tail_number": "N14228",
    "carrier": "UA", "origin": "EWR", "dest": "IAH", "distance": 1400,
}  # fmt: skip


class Traced:
    """*serve* behind a socket with its spans kept here."""

    def __init__(self, folder: Path, ratio: float) -> None:
        self.exporter, provider = InMemorySpanExporter(), tracer_provider("inference", CommonSettings(trace_ratio=1))
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        spans = RequestSpans(provider.get_tracer("t"), ratio)
        self.service = deployed(shipped_endpoints([MODEL]), folder, spans=spans)

    @property
    def told(self) -> list[tuple[str, object]]:
        """Name and status of each span."""
        return [(span.name, (span.attributes or {}).get("http.response.status_code")) for span in self.spans]

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())


def ask(address: str, key: str, row: dict[str, object] = ROW) -> httpx.Response:
    return httpx.post(f"http://{address}{PREDICT}", json=row, headers={"authorization": f"Bearer {key}"}, timeout=30)


def test_of_requests_that_are_not_sampled_the_refused_ones_have_a_span(tmp_path: Path) -> None:
    traced = Traced(tmp_path, ratio=0)
    with served(traced.service) as address:
        assert ask(address, traced.service.key).status_code == 200
        assert traced.told == []
        assert ask(address, "tm_nobody").status_code == 401
        assert ask(address, traced.service.key, {**ROW, "distance": "far"}).status_code == 422
    assert traced.told == [(f"predict {MODEL}", 401), (f"predict {MODEL}", 422)]
    assert all("far" not in span.to_json() for span in traced.spans)


@pytest.mark.needs("prometheus", "alertmanager")
def test_a_real_prometheus_leads_from_a_latency_to_the_trace_of_a_request(tmp_path: Path) -> None:
    traced = Traced(tmp_path, ratio=1)
    with served(traced.service) as address, monitoring("inference", [f"http://{address}"], tmp_path) as prometheus:
        assert ask(address, traced.service.key).status_code == 200
        (span,) = traced.spans
        assert span.context is not None
        trace_id = f"{span.context.trace_id:032x}"
        metric = "http_request_duration_seconds_bucket"
        until(lambda: trace_id in prometheus.exemplars(metric), 30, "the latency leads to the trace", every=0.2)
