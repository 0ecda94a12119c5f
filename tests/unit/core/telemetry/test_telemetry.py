from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import SpanKind, Tracer

from tidemill.kafka.batch import Batch
from tidemill.kafka.headers import Headers
from tidemill.settings import CommonSettings
from tidemill.telemetry import tracing
from tidemill.telemetry.logs import JsonFormatter, configure_logging, model_version
from tidemill.telemetry.span_file import SpanFileExporter
from tidemill.telemetry.traceparent import (
    format_traceparent,
    new_traceparent,
    parse_traceparent,
    sampled_parents,
)

IDS = st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1)


def batch(*headers: Headers | None, topic: str = "raw") -> Batch:
    n = len(headers)
    return Batch(topic, [0] * n, list(range(7, 7 + n)), [0] * n, [None] * n, [b""] * n, list(headers))


@pytest.fixture
def spans(tmp_path: Path) -> Iterator[tuple[Tracer, Path]]:
    settings = CommonSettings(spans_dir=tmp_path, trace_ratio=0)
    provider = tracing.tracer_provider("validator", settings)
    yield provider.get_tracer("tidemill"), tmp_path
    provider.shutdown()


def lines(tracer: Tracer, folder: Path) -> list[dict[str, object]]:
    tracer.span_processor.force_flush()  # type: ignore[attr-defined]
    return [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]


@given(*IDS, st.booleans())
def test_a_traceparent_can_be_read_back(trace_id: int, span_id: int, sampled: bool) -> None:
    value = format_traceparent(trace_id, span_id, sampled)
    assert len(value) == 55
    assert parse_traceparent(value) == (trace_id, span_id, sampled)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"01",
        b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01",
        b"00-" + b"A" * 32 + b"-" + b"1" * 16 + b"-01",
    ],
)
def test_what_is_no_traceparent_is_none(value: bytes | None) -> None:
    assert parse_traceparent(value) is None


@given(st.floats(0, 1))
def test_a_new_context_is_sampled_as_opentelemetry_would(ratio: float) -> None:
    parsed = parse_traceparent(new_traceparent(ratio))
    assert parsed is not None
    decision = TraceIdRatioBased(ratio).should_sample(None, parsed[0], "x").decision
    assert decision.is_sampled() == parsed[2]


def test_only_sampled_parents_are_taken_and_no_more_than_the_limit() -> None:
    sampled = [("x", b"y"), ("traceparent", format_traceparent(1, 2, True))]
    other: Headers = [("traceparent", format_traceparent(3, 4, False))]
    assert sampled_parents([None, other, sampled, []]) == [(1, 2)]
    assert len(sampled_parents([sampled] * 500, 128)) == 128


def test_a_batch_without_sampled_producers_makes_no_span(spans: tuple[Tracer, Path]) -> None:
    tracer, folder = spans
    with tracing.batch_span(tracer, [batch(None, [("traceparent", new_traceparent(0))])]) as span:
        assert not span.is_recording()
        assert tracing.current_traceparent() is None
    assert lines(tracer, folder) == []


def test_a_batch_makes_one_span_linked_to_its_sampled_producers(spans: tuple[Tracer, Path]) -> None:
    tracer, folder = spans
    headers: Headers = [("traceparent", format_traceparent(0xA, 0xB, True))]
    with tracing.batch_span(tracer, [batch(None, headers)], "validator"):
        inner = tracing.current_traceparent()
    (line,) = lines(tracer, folder)
    assert (line["name"], line["kind"], line["service"]) == ("process raw", "CONSUMER", "validator")
    assert line["links"] == [{"trace_id": f"{0xA:032x}", "span_id": f"{0xB:016x}"}]
    attributes = line["attributes"]
    assert isinstance(attributes, dict)
    assert attributes["messaging.batch.message_count"] == 2
    assert attributes["messaging.consumer.group.name"] == "validator"
    assert attributes["messaging.destination.name"] == "raw"
    assert attributes["messaging.kafka.offset"] == 7
    assert inner == f"00-{line['trace_id']}-{line['span_id']}-01".encode()


def test_an_error_is_recorded_and_passed_on(spans: tuple[Tracer, Path]) -> None:
    tracer, folder = spans
    headers: Headers = [("traceparent", new_traceparent(1))]
    with pytest.raises(ZeroDivisionError), tracing.batch_span(tracer, [batch(headers)]):
        raise ZeroDivisionError
    (line,) = lines(tracer, folder)
    assert line["status"] == "ERROR"


def test_a_span_about_one_record_has_its_producer_as_parent(spans: tuple[Tracer, Path]) -> None:
    tracer, folder = spans
    context = tracing.context_of([("traceparent", format_traceparent(0xA, 0xB, True))])
    tracer.start_span("send raw", context=context, kind=SpanKind.PRODUCER).end()
    (line,) = lines(tracer, folder)
    assert (line["trace_id"], line["parent_id"]) == (f"{0xA:032x}", f"{0xB:016x}")
    assert tracing.context_of(None) is None


def test_span_files_are_bounded(tmp_path: Path) -> None:
    exporter = SpanFileExporter(tmp_path, "s", max_bytes=1_000)
    provider = TracerProvider()
    for _ in range(40):
        span = provider.get_tracer("t").start_span("x")
        span.end()
        exporter.export([span])  # type: ignore[list-item]
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [exporter.path.name, f"{exporter.path.name}.1"]
    assert all(path.stat().st_size < 2_500 for path in tmp_path.iterdir())


def test_a_log_line_is_one_object_with_trace_model_version_and_extras() -> None:
    record = logging.makeLogRecord({"name": "a", "msg": "two\n%s", "args": ("lines",), "levelname": "INFO", "rows": 3})
    token = model_version.set("flight-delay:2")
    parent = trace.set_span_in_context(trace.NonRecordingSpan(tracing.remote(0xA, 0xB)))
    from opentelemetry.context import attach, detach

    attached = attach(parent)
    text = JsonFormatter("stream").format(record)
    detach(attached)
    model_version.reset(token)
    assert "\n" not in text
    line = json.loads(text)
    assert line["message"] == "two\nlines"
    assert (line["service"], line["trace_id"], line["model_version"]) == (
        "stream",
        f"{0xA:032x}",
        "flight-delay:2",
    )
    assert line["rows"] == 3
    assert line["ts"].endswith("+00:00")


@pytest.mark.parametrize("character", ["\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\u2066", "\ud800"])
def test_what_a_line_says_steers_no_terminal_and_ends_no_line(character: str) -> None:
    said = f"a{character}b"
    text = JsonFormatter("stream").format(logging.makeLogRecord({"msg": said, "event_id": said, "ä": "ü"}))
    assert character not in text and len(text.encode().splitlines()) == len(text.splitlines()) == 1
    line = json.loads(text)
    assert line["message"] == line["event_id"] == said and '"ä": "ü"' in text


def test_logging_goes_to_a_file_where_one_is_given(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        configure_logging("demo", "WARNING", tmp_path / "logs" / "demo.jsonl")
        try:
            raise ValueError("bad")
        except ValueError:
            logging.getLogger("x").exception("failed", extra={"model_version": "m:1"})
        root.handlers[0].close()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
    line = json.loads((tmp_path / "logs" / "demo.jsonl").read_text())
    assert (line["level"], line["model_version"]) == ("ERROR", "m:1")
    assert "ValueError: bad" in line["exception"]


def test_spans_go_to_a_collector_where_one_is_set() -> None:
    received: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        provider = tracing.tracer_provider("ingest", CommonSettings(otlp_endpoint=endpoint, trace_ratio=1))
        provider.get_tracer("t").start_span("send raw").end()
        provider.shutdown()
        path, body = received.get(timeout=5)
    assert path == "/v1/traces"
    assert b"send raw" in body
