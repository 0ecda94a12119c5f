"""A fit that label time asks for is traced from what was sampled among the rows that showed the change."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from tests.unit.trainer.assess.bench import Bench
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill_trainer.runs.tables import runs

CHANGE = 600


def filled(root: Path, folder: Path, traces: dict[int, tuple[int, int]]) -> Bench:
    bench = Bench(root, folder, rows=1_200, change=CHANGE)
    bench.traces = traces
    for first in range(0, 1_200, 60):
        bench.commit(first, first + 60)
    return bench


def spans_of(bench: Bench) -> list[ReadableSpan]:
    """Every span of label time over the whole table."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    bench.tracer = provider.get_tracer("test")
    bench.restart()
    bench.turns()
    return list(exporter.get_finished_spans())


def test_a_fit_that_answers_a_change_is_linked_to_the_events_and_labels_that_showed_it(
    root: Path, tmp_path: Path
) -> None:
    bench = filled(root, tmp_path, {n: (1_000 + n, 5_000 + n) for n in range(1_200)})
    spans = spans_of(bench)
    assert spans and {span.name for span in spans} == {"assess tide"}
    with bench.engine.begin() as connection:
        wanted = select(runs.c.traceparent, runs.c.change_point).where(runs.c.cause == "quality")
        asked, change = connection.execute(wanted).one()
    span = next(one for one in spans if one.parent is None)
    parsed = parse_traceparent(asked.encode())
    assert parsed is not None and parsed[:2] == (span.context.trace_id, span.context.span_id)
    linked = {link.context.trace_id for one in spans if one.context.trace_id == parsed[0] for link in one.links}
    first = change["event_time"] // 60_000
    events = sorted(trace - 1_000 for trace in linked if trace < 5_000)
    labels = sorted(trace - 5_000 for trace in linked if trace >= 5_000)
    assert events == labels == list(range(first, first + len(labels)))
    assert 200 <= len(labels) <= 300


def test_without_anything_sampled_there_is_no_span_and_the_run_begins_a_trace_of_its_own(
    root: Path, tmp_path: Path
) -> None:
    bench = filled(root, tmp_path, {})
    assert spans_of(bench) == []
    with bench.engine.begin() as connection:
        asked = connection.scalars(select(runs.c.traceparent)).all()
    assert len(asked) > 1 and all(parse_traceparent(one.encode()) for one in asked)
