"""What a span says of a failure, and that nothing is lost where many records are sampled."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from tidemill.kafka.batch import Batch
from tidemill.telemetry.logs import PAYLOAD_LOGGERS, configure_logging
from tidemill.telemetry.spans import links_of, span_of
from tidemill.telemetry.traceparent import format_traceparent, new_traceparent, sampled_contexts
from tidemill.telemetry.tracing import batch_span

SECRET = "Jane Roe, 1 Elm Street"


@pytest.fixture
def tracing() -> Iterator[tuple[Tracer, InMemorySpanExporter]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("t"), exporter
    provider.shutdown()


class RefusedInput(ValueError):
    """Quotes what was sent, as people want it in an answer."""


def refuse(value: str) -> None:
    raise RefusedInput(f"{value!r} is no amount") from KeyError(value)


def test_a_failed_span_has_the_class_and_the_place_and_no_value(
    tracing: tuple[Tracer, InMemorySpanExporter],
) -> None:
    tracer, exporter = tracing
    with pytest.raises(RefusedInput), span_of(tracer, "predict"):
        refuse(SECRET)
    (span,) = exporter.get_finished_spans()
    told = span.to_json()
    assert "Jane" not in told and "Elm" not in told
    assert not span.status.is_ok and "RefusedInput" in str(span.status.description)
    (event,) = span.events
    assert "in refuse" in str((event.attributes or {})["code.stacktrace"])


def test_a_batch_of_which_everything_is_sampled_is_linked_to_all_of_it(
    tracing: tuple[Tracer, InMemorySpanExporter],
) -> None:
    tracer, exporter = tracing
    headers = [[("traceparent", format_traceparent(n, n, True))] for n in range(1, 1_001)]
    count = len(headers)
    batch = Batch("raw", [0] * count, list(range(count)), [0] * count, [None] * count, [b""] * count, [*headers])
    with batch_span(tracer, [batch]):
        pass
    spans = exporter.get_finished_spans()
    assert {link.context.trace_id for span in spans for link in span.links} == set(range(1, 1_001))
    assert max(len(span.links) for span in spans) == 128
    (whole,) = [span for span in spans if span.parent is None]
    assert all(span.parent.span_id == whole.context.span_id for span in spans if span.parent)  # type: ignore[union-attr]


def test_sampled_contexts_are_found_by_place_and_what_is_no_context_is_left_out() -> None:
    good = format_traceparent(1, 2, True)
    columns: list[Any] = [
        None,
        [("traceparent", good)],
        [("traceparent", new_traceparent(0))],
        [("traceparent", b"x-01"), ("other", good)],
        [("traceparent", None)],
    ]
    assert sampled_contexts(columns) == {1: good}
    assert [link.context.trace_id for link in links_of([good, b"no context"])] == [1]


@pytest.mark.parametrize("name", ["aiokafka.conn", "aiokafka.producer.sender", "faust.transport", "botocore.parsers"])
def test_libraries_do_not_log_what_passes_through_them_however_much_is_asked_for(name: str, tmp_path: Path) -> None:
    path, root = tmp_path / "log", logging.getLogger()
    before, levels = (root.handlers[:], root.level), {n: logging.getLogger(n).level for n in PAYLOAD_LOGGERS}
    try:
        configure_logging("t", "DEBUG", path)
        logging.getLogger(name).debug("Request 7: ProduceRequest(%s)", SECRET)
        logging.getLogger(name).info("connected")
        logging.getLogger("tidemill").debug("of our own")
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:], root.level = before
        for known, level in levels.items():
            logging.getLogger(known).setLevel(level)
    assert [json.loads(line)["message"] for line in path.read_text().splitlines()] == ["connected", "of our own"]
