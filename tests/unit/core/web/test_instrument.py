"""Requests that failed or were refused have a span, whatever is sampled; what watches a service has none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import Response
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from tidemill.settings import CommonSettings
from tidemill.telemetry.spans import span_of
from tidemill.telemetry.tracing import tracer_provider
from tidemill.web import instrument
from tidemill.web.instrument import Instrument
from tidemill.web.metrics import exposition

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), tracer_provider("t", CommonSettings(trace_ratio=0))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(instrument, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def asked(path: str, tracer: Tracer | None = None, **headers: str) -> int:
    """The status that a small application answers; `tracer`: of a span within."""
    app = FastAPI()

    @app.get("/v1/answer/{status}")
    async def answer(status: int) -> Response:
        if status == 500:
            raise ArithmeticError("a defect")
        if tracer is None:
            return Response(status_code=status)
        with span_of(tracer, "within"):
            return Response(status_code=status)

    @app.get("/health/ready")
    async def ready() -> Response:
        return Response(status_code=503)

    async def call() -> int:
        transport = httpx.ASGITransport(Instrument(app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.get(path, headers=headers)).status_code

    return asyncio.run(call())


@pytest.mark.parametrize(("status", "ok"), [(422, True), (503, False), (500, False)])
def test_a_request_that_failed_or_was_refused_has_a_span_with_its_id(
    spans: InMemorySpanExporter, status: int, ok: bool
) -> None:
    headers = {"traceparent": PARENT, "x-request-id": "r-1"}
    assert asked(f"/v1/answer/{status}", **headers) == status
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /v1/answer/{status}" and span.attributes is not None and span.context is not None
    assert (span.attributes["http.response.status_code"], span.attributes["tidemill.request_id"]) == (status, "r-1")
    assert f"{span.context.trace_id:032x}" == PARENT.split("-")[1]
    assert span.status.is_unset == ok


def test_what_no_route_takes_has_a_span_without_its_path(spans: InMemorySpanExporter) -> None:
    assert asked("/jane-roe") == 404
    (span,) = spans.get_finished_spans()
    assert span.name == "unmatched unmatched" and "jane" not in span.to_json()


@pytest.mark.parametrize("path", ["/v1/answer/200", "/health/ready"])
def test_an_answer_and_what_watches_have_none(spans: InMemorySpanExporter, path: str) -> None:
    asked(path)
    assert spans.get_finished_spans() == ()


def test_a_request_that_was_sampled_has_no_second_span_and_its_time_leads_to_its_trace(
    spans: InMemorySpanExporter,
) -> None:
    provider = tracer_provider("t", CommonSettings(trace_ratio=1))
    provider.add_span_processor(SimpleSpanProcessor(spans))
    assert asked("/v1/answer/409", provider.get_tracer("t")) == 409
    (span,) = spans.get_finished_spans()
    assert span.name == "within" and span.context is not None
    lines = exposition("application/openmetrics-text")[0].decode().splitlines()
    told = [line for line in lines if line.startswith("http_request_duration_seconds_bucket{") and "answer" in line]
    assert any(f'trace_id="{span.context.trace_id:032x}"' in line for line in told)
    plain = exposition(None)[0].decode()
    assert "trace_id" not in plain
