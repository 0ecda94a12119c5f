"""A real collector with the shipped settings keeps what failed, was refused, slow, or changed what serves, and of the
rest what it is told.

Its build must have the tail sampling processor (the `contrib` distribution has).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Tracer

from tests.contract.contract import ROOT
from tests.support.otlp import Receiver
from tests.support.polling import until
from tests.support.processes.programs import program
from tidemill.telemetry.kept import KEPT, KeptSpans, answered
from tidemill_embedded.ports import Ports

pytestmark = pytest.mark.needs("otelcol")


@contextmanager
def collector(folder: Path, onward: str, percent: int) -> Iterator[str]:
    """The collector as shipped, but for addresses and for how long it waits; gives where it takes spans."""
    told = yaml.safe_load((ROOT / "deploy/otel/collector.yaml").read_text())
    ports = Ports()
    at = {name: f"127.0.0.1:{ports.take(name)}" for name in ("http", "grpc")}
    for name, protocol in told["receivers"]["otlp"]["protocols"].items():
        protocol["endpoint"] = at[name]
    told["processors"]["tail_sampling"]["decision_wait"] = "1s"
    told["exporters"] = {"otlphttp": {"endpoint": onward, "compression": "none"}}
    told["service"]["pipelines"]["traces"]["exporters"] = ["otlphttp"]
    told["service"]["telemetry"] = {"metrics": {"level": "none"}}
    (folder / "collector.yaml").write_text(yaml.safe_dump(told))
    environment = {**os.environ, "TIDEMILL_TRACES_KEPT_PERCENT": str(percent)}
    with (folder / "collector.log").open("wb") as log:
        command = [program("otelcol"), "--config", str(folder / "collector.yaml")]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        log_file = folder / "collector.log"
        until(lambda: "Everything is ready" in log_file.read_text(), 30, "the collector is ready")
        yield f"http://{at['http']}/v1/traces"
    finally:
        process.terminate()
        process.wait(30)


def send(tracer: Tracer) -> None:
    """One trace of each kind."""
    tracer.start_span("answered", kind=SpanKind.SERVER).end()
    for status in (422, 503):
        span = KeptSpans(tracer).begin(f"answered {status}", None, 0.001, {})
        assert span is not None
        answered(span, status)
        span.end()
    tracer.start_span("swap", attributes={KEPT: "swap"}).end()
    now = time.time_ns()
    tracer.start_span("slow", kind=SpanKind.SERVER, start_time=now - 600_000_000).end(now)
    tracer.start_span("a batch that took long", start_time=now - 600_000_000).end(now)


@pytest.mark.parametrize("percent", [0, 100])
def test_a_trace_is_kept_for_what_became_of_it(tmp_path: Path, percent: int) -> None:
    always = {"answered 422", "answered 503", "swap", "slow"}
    rest = {"answered", "a batch that took long"}
    with Receiver() as receiver, collector(tmp_path, receiver.url, percent) as address:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=address)))
        send(provider.get_tracer("t"))
        provider.shutdown()

        def kept() -> set[str]:
            return {span.name for span in receiver.received.spans}

        until(lambda: always <= kept(), 30, "what must be kept is handed on", every=0.1)
        wanted = always | (rest if percent else set())
        until(lambda: wanted <= kept(), 30, "so is what of the rest is wanted", every=0.1)
    assert kept() == wanted
