from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import NoOpTracer, get_current_span

from tidemill.telemetry.traceparent import parse_traceparent
from tidemill_inference.main import main
from tidemill_inference.rest.tracing import RequestSpans

HEAVY = (
    "onnxruntime",
    "confluent_kafka",
    "pyarrow",
    "fastapi",
    "uvicorn",
    "sklearn",
    "mlflow",
    "polars",
    "onnx",
)


@pytest.mark.parametrize("command", ["serve", "stream"])
def test_the_help_of_a_command_lists_its_settings(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "TIDEMILL_KAFKA_BOOTSTRAP" in capsys.readouterr().out


def test_the_command_line_itself_imports_nothing_heavy() -> None:
    code = "import sys, tidemill_inference.main as m; m.parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & set(loaded)


def test_serving_needs_neither_scikit_learn_nor_mlflow_nor_polars_nor_onnx() -> None:
    code = (
        "import sys, tidemill_inference.entrypoints.serve, tidemill_inference.entrypoints.stream; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sklearn", "mlflow", "polars", "pandas", "onnx", "skl2onnx"} & set(loaded)


PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{}"


@pytest.mark.parametrize("sampled", [True, False])
def test_a_callers_trace_goes_on_with_its_decision(sampled: bool) -> None:
    spans = RequestSpans(TracerProvider(sampler=ParentBased(ALWAYS_ON)).get_tracer("test"), ratio=0.5)
    given = PARENT.format(int(sampled)).encode()
    traceparent = spans.unrecorded(given)
    assert (traceparent is None) == sampled
    if traceparent is None:
        with spans.span("predict", given) as traceparent:
            assert get_current_span().is_recording()
    parsed = parse_traceparent(traceparent)
    assert parsed is not None
    assert (f"{parsed[0]:032x}", parsed[2]) == ("0af7651916cd43dd8448eb211c80319c", sampled)
    assert f"{parsed[1]:016x}" != "b7ad6b7169203331"


@pytest.mark.parametrize("header", [None, b"", b"rubbish", b"00-0-0-01", b"\xe9"])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_without_a_valid_context_a_new_trace_begins(header: bytes | None, ratio: float) -> None:
    spans = RequestSpans(TracerProvider(sampler=ParentBased(ALWAYS_ON)).get_tracer("test"), ratio)
    traceparent = spans.unrecorded(header)
    assert (traceparent is None) == bool(ratio)
    if traceparent is None:
        with spans.span("predict", header) as traceparent:
            assert get_current_span().is_recording()
    parsed = parse_traceparent(traceparent)
    assert parsed is not None
    assert parsed[2] == bool(ratio)


def test_the_share_of_recorded_requests_is_the_ratio() -> None:
    spans = RequestSpans(NoOpTracer(), ratio=0.1)
    recorded = sum(spans.unrecorded(None) is None for _ in range(10_000))
    assert 800 < recorded < 1_200  # six standard deviations to either side


def test_pyarrow_does_not_pull_pandas_into_a_service() -> None:
    code = (
        "import sys, tidemill_inference.main as m; m.run_service = lambda entry, package: 0; m.main(['stream']); "
        "import pyarrow as pa; pa.array(['a']); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
