"""Libraries that report their use to their makers are silent in every process of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run(code: str, home: Path, **more: str) -> str:
    """Output of a process with a home of its own that knows nothing else: in CI, some libraries are silent anyway."""
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **more}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60, capture_output=True)
    return done.stdout.decode().strip()


def test_onnx_runtime_makes_no_device_id_to_report_under(tmp_path: Path) -> None:
    run("import tidemill, onnxruntime", tmp_path / "ours")
    assert list((tmp_path / "ours").rglob("*")) == []
    # Without ours it does: if it stops to, the setting and this test are no longer needed.
    run("import onnxruntime", tmp_path / "bare")
    assert list((tmp_path / "bare").rglob("*.onnxruntime")) != []


def test_mlflows_client_is_told_to_be_silent_and_who_wants_its_reports_says_so(tmp_path: Path) -> None:
    asks = "import os, tidemill; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    assert run(asks, tmp_path) == "true"
    assert run(asks, tmp_path, MLFLOW_DISABLE_TELEMETRY="false") == "false"
