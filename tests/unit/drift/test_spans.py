"""Profiles are linked to their records, outcomes to their profiles."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from tests.unit.learning.drift.streams import logs, model, profiler, published, reference
from tidemill.contracts.events.platform import DriftEvent
from tidemill.contracts.events.profiles import Profile
from tidemill.telemetry.traceparent import format_traceparent, parse_traceparent
from tidemill_drift.spans import judge_span, outcome_headers, profile_headers
from tidemill_learning.drift.detection.detector import Detector

PROFILE = Profile(
    profile_id="p", model="m", kind="quality", partition=0, window=0, topic="t", first_offset=0, last_offset=2,
    records=3, started_at=0, ended_at=1,
)  # fmt: skip


@pytest.fixture
def tracing() -> tuple[Tracer, InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("t"), exporter


def test_a_window_of_which_nothing_is_sampled_costs_no_span(tracing: tuple[Tracer, InMemorySpanExporter]) -> None:
    tracer, exporter = tracing
    assert profile_headers(tracer, PROFILE, []) is None
    with judge_span(tracer, "m", None), outcome_headers(tracer, "m", []) as headers:
        assert headers is None
    assert exporter.get_finished_spans() == ()


def test_a_trace_goes_on_from_records_to_a_profile_to_what_follows(
    tracing: tuple[Tracer, InMemorySpanExporter],
) -> None:
    tracer, exporter = tracing
    headers = profile_headers(tracer, PROFILE, [format_traceparent(n, n, True) for n in range(1, 301)])
    assert headers is not None
    context = headers[0][1]
    with judge_span(tracer, "m", context), outcome_headers(tracer, "m", [context or b""]) as onward:
        assert onward is not None
    spans = {span.name: span for span in exporter.get_finished_spans() if span.name != "profile m quality"}
    linked = [link for span in exporter.get_finished_spans() if span.name == "profile m quality" for link in span.links]
    assert len(linked) == 300
    parsed = parse_traceparent(context)
    assert parsed is not None
    assert spans["judge m"].parent.span_id == parsed[1]  # type: ignore[union-attr]
    assert [link.context.span_id for link in spans["detect m"].links] == [parsed[1]]


def test_a_label_brings_the_trace_of_the_event_that_it_is_about() -> None:
    made, reading = logs(200), profiler(model(window=50))
    event, label = (format_traceparent(n, n, True) for n in (1, 2))
    reading.predictions(*made.batch("predictions", 0, 200), {3: event})
    place = next(k for k, (_, row) in enumerate(made.rows["labels"]) if row["event_id"] == "0-3")
    profiles = reading.labels(*made.batch("labels", 0, 150), {place + 1: label})
    first = next(profile for profile in profiles if profile.kind == "quality")
    assert set(reading.links.pop(first.profile_id)) == {event, label}


def test_an_alarm_is_linked_to_the_profiles_that_it_rests_on_and_a_restart_keeps_them() -> None:
    spec = model(window=200, on=("quality",))
    calm, worse = logs(1_500, 1), logs(1_500, 2, first=1_500, worse=0.3)
    for role in ("clean", "predictions"):
        calm.rows[role] += worse.rows[role]  # type: ignore[index]
    first = len(calm.rows["labels"])
    calm.rows["labels"] += [(first + n, row) for n, (_, row) in enumerate(worse.rows["labels"])]
    reading, detector = profiler(spec), Detector(spec, "c")
    detector.set_champion(published(partitions=1), reference())
    traces: list[str] = []
    for start in range(0, len(calm.rows["labels"]) - 100, 100):
        found = reading.predictions(*calm.batch("predictions", start, start + 100))
        found += reading.labels(*calm.batch("labels", start, start + 100))
        for profile in [p for p in found if p.kind == "quality"]:
            traces.append(f"00-{len(traces) + 1:032x}-{1:016x}-01")
            outcomes = detector.apply(profile, 5, traces[-1])
            detector = Detector(spec, "c", detector.to_bytes())
            detector.set_champion(published(partitions=1), reference())
            if any(isinstance(outcome, DriftEvent) for outcome in outcomes):
                assert detector.last_traces == traces[: len(detector.last_traces)]
                assert len(detector.last_traces) >= len(traces) - 1
                return
    raise AssertionError("nothing was found")
