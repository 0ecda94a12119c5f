"""The benchmarks in their short form: that they work; their figures mean nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_validator_and_stream_are_measured_exactly_once_beside_a_pass_through() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "validator", "stream"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert run.returncode == 0, run.stderr[-2_000:]
    for name in ("validator", "stream"):
        found = json.loads((ROOT / "var" / "bench" / "quick" / f"{name}.json").read_text())
        assert found["ours"] > 0
        assert found["limit"] > 0
        assert {"consume", "columns", "process", "produce", "commit"} <= found["stages_us"].keys()
